//! Exchanges that failed: what may have been sent, and what was not.
//!
//! | failure | outcome |
//! |---|---|
//! | no connection: DNS, TCP, TLS, proxy | unavailable |
//! | the proxy refuses the credentials | misconfigured |
//! | time is up, or the connection ends, after the request was sent | uncertain |

use crate::SubmitError;
use rustls::AlertDescription;
use std::{error::Error, time::Duration};

/// Why there is no answer, or no whole one.
#[derive(Debug)]
pub enum Broken {
    /// The limit passed.
    TimedOut(Duration),
    /// The connection was not made, or broke.
    Failed(reqwest::Error),
}

impl Broken {
    /// What it means where there was no answer.
    pub fn before_answer(&self) -> SubmitError {
        let Self::Failed(error) = self else { return self.within_answer() };
        let words = chain(error);
        // These errors have no public types. The tests ask a proxy and a SOCKS server for them.
        if ["proxy authorization required", "credentials not accepted"]
            .iter()
            .any(|refusal| words.contains(refusal))
        {
            return SubmitError::misconfigured(format!("the proxy wants other credentials: {words}"));
        }
        if error.is_connect() {
            return SubmitError::unavailable(format!("no connection: {words}"));
        }
        if handshake_refused(error) {
            return SubmitError::unavailable(format!("the server ended the TLS handshake: {words}"));
        }
        self.within_answer()
    }

    /// What it means where the answer is not whole.
    pub fn within_answer(&self) -> SubmitError {
        match self {
            Self::TimedOut(limit) => {
                SubmitError::uncertain(format!("no whole answer within {} s", limit.as_secs_f64()))
            }
            Self::Failed(error) => SubmitError::uncertain(format!("no whole answer: {}", chain(error))),
        }
    }
}

/// A server that refuses the client's certificate says so after the client, in TLS 1.3, has begun to send: it has read nothing of it.
/// Any other alert may come after the request was acted on.
fn handshake_refused(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return is_of_handshake(*alert);
        }
        cause = error.source();
    }
    false
}

fn is_of_handshake(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::HandshakeFailure
            | Alert::ProtocolVersion
    )
}

/// An error and its causes. One of reqwest's names the address that it is about, unless that is taken out of it.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| (**cause).source());
    let mut words = error.to_string();
    for cause in causes {
        let cause = cause.to_string();
        // Many errors repeat their cause.
        if !words.ends_with(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn only_an_alert_of_the_handshake_says_that_nothing_was_read() {
        use AlertDescription as Alert;
        for (alert, refused) in [
            (Alert::CertificateRequired, true),
            (Alert::CertificateUnknown, true),
            (Alert::UnknownCA, true),
            (Alert::HandshakeFailure, true),
            (Alert::InternalError, false),
            (Alert::BadRecordMac, false),
            (Alert::DecodeError, false),
            (Alert::UserCanceled, false),
            (Alert::Unknown(200), false),
        ] {
            let received = rustls::Error::AlertReceived(alert);
            assert_eq!(handshake_refused(&received), refused, "{alert:?}");
            // As it comes out of a connection.
            assert_eq!(handshake_refused(&io::Error::other(received)), refused, "{alert:?}");
        }
        assert!(!handshake_refused(&io::Error::from(io::ErrorKind::ConnectionReset)));
    }
}
