//! Access tokens: one for all submits, renewed in time, by one request at a time.

use crate::{account::Account, outcome};
use gatepost_provider_api::{
    SubmitError,
    http::{
        Client,
        reqwest::{
            Body, Method, Request,
            header::{self, HeaderValue},
        },
    },
    tokio::{
        sync::Mutex,
        time::{Instant, timeout_at},
    },
    tracing,
};
use std::{
    fmt,
    sync::{self, PoisonError},
    time::{Duration, SystemTime},
};

/// A token is renewed so long before it expires, or in the last quarter of its life if that is shorter. Until then the old one is
/// used by all but the submit that renews it.
const AHEAD: Duration = Duration::from_secs(300);

/// After a renewal ahead of time that failed, how long the old token is used before the next try.
const PAUSE: Duration = Duration::from_secs(10);

/// RFC 7523 section 2.1, as a form has it.
const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// An access token.
#[derive(Clone)]
pub(crate) struct Token {
    number: u64,
    authorization: HeaderValue,
    renew_at: Instant,
    expires_at: Instant,
}

/// Does not show it.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("number", &self.number).finish_non_exhaustive()
    }
}

/// What the token endpoint gave out.
pub(crate) struct Grant {
    pub(crate) access_token: String,
    pub(crate) expires_in: Duration,
}

/// The account's access tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    account: Account,
    state: sync::Mutex<State>,
    /// Held by the one who asks for a token.
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    count: u64,
    failed: Option<(Instant, SubmitError)>,
}

impl Token {
    fn new(grant: &Grant, number: u64, asked: Instant) -> Option<Self> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", grant.access_token)).ok()?;
        authorization.set_sensitive(true);
        let expires_at = asked + grant.expires_in;
        Some(Self {
            number,
            authorization,
            renew_at: expires_at - AHEAD.min(grant.expires_in / 4),
            expires_at,
        })
    }

    /// After a renewal that failed: never past its end.
    fn put_off(&mut self, now: Instant) {
        self.renew_at = (now + PAUSE).min(self.expires_at);
    }

    pub(crate) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }

    /// What an answer must not repeat.
    pub(crate) fn secret(&self) -> &str {
        self.authorization.to_str().unwrap_or_default().trim_start_matches("Bearer ")
    }
}

impl Tokens {
    pub(crate) fn new(account: Account) -> Self {
        Self { account, state: sync::Mutex::default(), turn: Mutex::new(()) }
    }

    fn state(&self) -> sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that holds.
    ///
    /// # Errors
    /// There is none by half of the time to the deadline. Nothing was sent.
    ///
    /// # Cancellation
    /// The next submit asks anew.
    pub(crate) async fn get(&self, client: &Client, deadline: Instant) -> Result<Token, SubmitError> {
        let (now, token) = (Instant::now(), self.state().token.clone());
        let deadline = half_way(deadline);
        match token {
            Some(token) if now < token.renew_at => return Ok(token),
            Some(token) if now < token.expires_at => return Ok(self.ahead(token, client, deadline).await),
            _ => {}
        }
        self.another(None, client, deadline).await
    }

    /// A token after `refused`, which the service does not take.
    ///
    /// # Errors
    /// There is none by half of the time to the deadline. The push that was refused was not sent.
    ///
    /// # Cancellation
    /// The next submit asks anew.
    pub(crate) async fn other_than(
        &self,
        refused: &Token,
        client: &Client,
        deadline: Instant,
    ) -> Result<Token, SubmitError> {
        {
            let mut state = self.state();
            if state.token.as_ref().is_some_and(|token| token.number == refused.number) {
                state.token = None;
            }
        }
        self.another(Some(refused.number), client, half_way(deadline)).await
    }

    /// Renews a token that holds for a while yet; the old one where somebody else does that already, or where it fails.
    async fn ahead(&self, old: Token, client: &Client, deadline: Instant) -> Token {
        let Ok(_turn) = self.turn.try_lock() else { return old };
        // The turn may have been another's a moment ago.
        if let Some(token) = self.state().token.clone().filter(|token| token.renew_at > Instant::now()) {
            return token;
        }
        match self.ask(client, deadline).await {
            Ok(token) => token,
            Err(error) => {
                tracing::warn!(
                    reason = error.detail,
                    "the access token was not renewed; the old one is used"
                );
                if let Some(token) = self.state().token.as_mut() {
                    token.put_off(Instant::now());
                }
                old
            }
        }
    }

    async fn another(
        &self,
        refused: Option<u64>,
        client: &Client,
        deadline: Instant,
    ) -> Result<Token, SubmitError> {
        let waiting_since = Instant::now();
        let _turn = timeout_at(deadline, self.turn.lock())
            .await
            .map_err(|_| SubmitError::unavailable("no access token within the time limit"))?;
        // Whoever had the turn before has got a token, or has heard why there is none.
        {
            let state = self.state();
            let holds = |token: &&Token| token.expires_at > Instant::now() && Some(token.number) != refused;
            if let Some(token) = state.token.as_ref().filter(holds) {
                return Ok(token.clone());
            }
            if let Some((at, error)) = &state.failed
                && *at > waiting_since
            {
                return Err(error.clone());
            }
        }
        self.ask(client, deadline).await
    }

    /// Asks the token endpoint; only who has the turn does.
    async fn ask(&self, client: &Client, deadline: Instant) -> Result<Token, SubmitError> {
        let asked = Instant::now();
        let granted = self.request(client, deadline).await;
        let mut state = self.state();
        state.count += 1;
        let token = granted.and_then(|grant| {
            tracing::debug!(seconds = grant.expires_in.as_secs(), "an access token was given");
            let token = Token::new(&grant, state.count, asked);
            token.ok_or_else(|| SubmitError::unavailable("an access token that can't stand in a header"))
        });
        match &token {
            Ok(token) => (state.token, state.failed) = (Some(token.clone()), None),
            Err(error) => state.failed = Some((Instant::now(), error.clone())),
        }
        token
    }

    async fn request(&self, client: &Client, deadline: Instant) -> Result<Grant, SubmitError> {
        let assertion = self.account.assertion(SystemTime::now());
        let assertion =
            assertion.map_err(|_| SubmitError::misconfigured("the private key can't sign an assertion"))?;
        let mut request = Request::new(Method::POST, self.account.token_uri.clone());
        request.headers_mut().insert(header::CONTENT_TYPE, FORM);
        *request.body_mut() = Some(Body::from(format!("{GRANT}{assertion}")));
        let limit = deadline.saturating_duration_since(Instant::now());
        let answer = client.send_within(limit, request).await;
        outcome::of_token(answer, &assertion)
    }
}

/// The push needs time too.
fn half_way(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_is_not_put_off_past_the_end_of_the_token() {
        let asked = Instant::now();
        let token = |seconds| {
            let grant = Grant { access_token: "t".into(), expires_in: Duration::from_secs(seconds) };
            Token::new(&grant, 1, asked).unwrap()
        };
        let (mut short, mut long) = (token(8), token(3600));
        for token in [&mut short, &mut long] {
            token.put_off(asked + Duration::from_secs(6));
        }
        assert_eq!(short.renew_at, short.expires_at);
        assert_eq!(long.renew_at, asked + Duration::from_secs(6) + PAUSE);
    }
}
