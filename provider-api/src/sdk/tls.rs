//! TLS for providers that speak it themselves: whose certificates count.

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt as _;
use std::{fs, sync::Arc};

/// Why no certificate can be judged.
#[derive(Debug)]
pub struct Unfit {
    /// What is wrong, said of the key that names the CA.
    pub what: String,
    /// How to mend it.
    pub mend: &'static str,
}

/// The system's CAs; with `ca_file` its own and no other; without `verify` everybody's.
///
/// # Errors
/// The CAs can't be read, or there are none.
pub fn client_config(ca_file: Option<&str>, verify: bool) -> Result<ClientConfig, Unfit> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let no_roots = |error: Error| Unfit {
        what: format!("is missing, and the system's root certificates can't be used: {error}"),
        mend: "install them (Debian: ca-certificates), or name those of the server",
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(no_roots)?;
    let builder = match (verify, ca_file) {
        (false, _) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        (true, Some(path)) => builder.with_root_certificates(roots(path).map_err(|reason| Unfit {
            what: format!("can't be used, {path}: {reason}"),
            mend: "name a PEM file with the CA's certificate",
        })?),
        (true, None) => builder.with_platform_verifier().map_err(no_roots)?,
    };
    Ok(builder.with_no_client_auth())
}

fn roots(path: &str) -> Result<RootCertStore, String> {
    if !fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no regular file".into());
    }
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| "it is no PEM".to_owned())?;
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    if store.is_empty() { Err("there is no certificate in it".into()) } else { Ok(store) }
}

/// Takes every certificate; only its key must be the one that signs the handshake.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if certificate.is_empty() {
            return Err(CertificateError::BadEncoding.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
