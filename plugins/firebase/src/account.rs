//! The service account: who asks for access tokens, and the key that proves it.

use crate::config::CONFIG_FILE;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use gatepost_provider_api::{
    Problem,
    http::{endpoint, reqwest::Url},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use std::{
    fmt, fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What access tokens are asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// How long an assertion holds: the most that Google takes.
const ASSERTION_LIFE: Duration = Duration::from_secs(3600);

/// Where such files come from.
const MEND: &str =
    "download a private key file of a service account from the Firebase console, project settings";

/// A service account, as its file has it.
pub(crate) struct Account {
    pub(crate) project_id: String,
    pub(crate) token_uri: Url,
    email: String,
    key_id: Option<String>,
    key: RsaKeyPair,
}

/// Shows no key.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("project_id", &self.project_id).finish_non_exhaustive()
    }
}

impl Account {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, in privacyIDEA's words and then in ours. Quotes nothing of it: there is a key in it.
    pub(crate) fn read(path: &str) -> Result<Self, Problem> {
        let problem = |what: String, mend: &str| Problem::parameter(CONFIG_FILE, what, mend);
        let is_file = fs::metadata(path).and_then(|metadata| {
            if metadata.is_file() { Ok(()) } else { Err(std::io::Error::other("it is no regular file")) }
        });
        let text = is_file.and_then(|()| fs::read(path)).map_err(|error| {
            problem(
                format!("The JSON config file could not be found. {path}: {error}"),
                "write its path, readable for Gatepost's user",
            )
        })?;
        let file: Value = serde_json::from_slice(&text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            problem(format!("The config file has an invalid JSON format. {path} is no JSON at {place}"), MEND)
        })?;
        Self::from_json(&file).map_err(|what| {
            problem(format!("The JSON file is not a valid firebase credentials file. In {path} {what}"), MEND)
        })
    }

    fn from_json(file: &Value) -> Result<Self, String> {
        let text = |name: &str| file.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if text("type") != Some("service_account") {
            return Err("\"type\" is not \"service_account\"".into());
        }
        let [project_id, email, key, token_uri] =
            ["project_id", "client_email", "private_key", "token_uri"].map(|name| text(name).ok_or(name));
        let (project_id, email, key, token_uri) = match (project_id, email, key, token_uri) {
            (Ok(project_id), Ok(email), Ok(key), Ok(token_uri)) => (project_id, email, key, token_uri),
            (project_id, email, key, token_uri) => {
                let missing = [project_id, email, key, token_uri].into_iter().filter_map(Result::err);
                return Err(format!("there is no {}", missing.collect::<Vec<_>>().join(", no ")));
            }
        };
        Ok(Self {
            project_id: project_id.into(),
            email: email.into(),
            key_id: text("private_key_id").map(Into::into),
            token_uri: endpoint(token_uri).map_err(|what| format!("token_uri {what}"))?,
            key: rsa_key(key).ok_or("private_key is no RSA key of 2048 bits or more in PEM form")?,
        })
    }

    /// A signed assertion (RFC 7523) that the token endpoint gives an access token for.
    pub(crate) fn assertion(&self, now: SystemTime) -> Result<String, aws_lc_rs::error::Unspecified> {
        let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(id), Some(header)) = (&self.key_id, header.as_object_mut()) {
            header.insert("kid".into(), id.as_str().into());
        }
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri.as_str(),
            "iat": issued.as_secs(),
            "exp": (issued + ASSERTION_LIFE).as_secs(),
        });
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

fn rsa_key(pem: &str) -> Option<RsaKeyPair> {
    match PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::{
        encoding::{AsDer as _, Pkcs8V1Der},
        rsa::KeySize,
        signature::{
            ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
            UnparsedPublicKey,
        },
    };
    use base64::prelude::BASE64_STANDARD;

    fn file(private_key: &[u8]) -> Value {
        let pem = BASE64_STANDARD.encode(private_key);
        json!({
            "type": "service_account",
            "project_id": "p",
            "private_key": format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n"),
            "client_email": "a@p.example",
            "token_uri": "https://oauth2.example/token",
        })
    }

    #[test]
    fn an_assertion_is_signed_with_the_accounts_key() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let account = Account::from_json(&file(der.as_ref())).unwrap();
        let assertion = account.assertion(UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        public.verify(signed.as_bytes(), &decode(signature)).unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let read = |part: &str| serde_json::from_slice::<Value>(&decode(part)).unwrap();
        assert_eq!(read(header), json!({ "alg": "RS256", "typ": "JWT" }));
        assert_eq!(
            read(claims),
            json!({
                "iss": "a@p.example",
                "scope": "https://www.googleapis.com/auth/firebase.messaging",
                "aud": "https://oauth2.example/token",
                "iat": 1_700_000_000,
                "exp": 1_700_003_600,
            })
        );
        assert!(!format!("{account:?}").contains("a@p"), "{account:?}");
    }

    #[test]
    fn a_key_that_can_not_sign_so_is_refused_unquoted() {
        let other =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        for key in [other.as_ref(), b"hunter2"] {
            let what = Account::from_json(&file(key)).unwrap_err();
            assert!(what.contains("private_key is no RSA key"), "{what}");
        }
    }
}
