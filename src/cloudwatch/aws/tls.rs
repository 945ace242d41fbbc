//! Why TLS fails, in words: rustls's own have lists of bytes, and advise nothing.

use std::error::Error;
use std::{fmt, io};

use rustls::CertificateError::{
    UnsupportedSignatureAlgorithmContext, UnsupportedSignatureAlgorithmForPublicKeyContext,
};
use rustls::{AlertDescription, CertificateError};

/// The algorithms that certificates and servers may use: those of ring, the library below rustls.
const ACCEPTED: &str = "RSA of 2048 bits or more, or ECDSA with P-256 or P-384, each with SHA-256 or \
                        SHA-384 (RSA also with SHA-512)";

/// Algorithms that others use, by the bytes of their object identifier in DER (RFC 5480, 5758, 8017 and
/// 8410).
const OTHERS: [(&[u8], &str); 6] = [
    (&[0x2B, 0x81, 0x04, 0x00, 0x23], "the curve P-521"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x04], "ECDSA with SHA-512"),
    (&[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x01], "ECDSA with SHA-1"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x05], "RSA with SHA-1"),
    (&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x04], "RSA with MD5"),
    (&[0x2B, 0x65, 0x71], "Ed448"),
];

/// Why the mirror refuses a server, if the error is about its certificate or its algorithms.
pub(super) fn refusal(error: &(dyn Error + 'static), server: &dyn fmt::Display) -> Option<String> {
    use rustls::Error::{AlertReceived, InvalidCertificate, PeerIncompatible};

    match find(error)? {
        InvalidCertificate(error) => Some(of_certificate(error, server)),
        // The mirror offers only what it accepts.
        PeerIncompatible(_)
        | AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity,
        ) => Some(format!(
            "{server} and the mirror have no TLS algorithm in common; expected TLS 1.2 or 1.3, and a \
             certificate with {ACCEPTED}"
        )),
        _ => None,
    }
}

fn of_certificate(error: &CertificateError, server: &dyn fmt::Display) -> String {
    let ids: [&[u8]; 2] = match error {
        UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            [signature_algorithm_id, &[]]
        }
        UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => [signature_algorithm_id, public_key_algorithm_id],
        error => {
            // An RSA key that is too short is one, too.
            let keys = match error {
                CertificateError::BadSignature => format!(", both with {ACCEPTED}"),
                _ => String::new(),
            };
            return format!(
                "the mirror does not trust the certificate of {server} (invalid peer certificate: \
                 {error}); if a proxy decrypts TLS, the file that the function's variable SSL_CERT_FILE \
                 names must have the proxy's certificate authority{keys}"
            );
        }
    };
    let has = |known: &[u8]| ids.iter().any(|id| id.windows(known.len()).any(|part| part == known));
    let names: Vec<&str> =
        OTHERS.iter().filter(|(known, _)| has(known)).map(|(_, name)| *name).collect();
    let names = if names.is_empty() { "another algorithm".to_owned() } else { names.join(" and ") };
    format!(
        "the mirror cannot check the certificate of {server}, because it or its authority uses {names}; expected \
         {ACCEPTED}"
    )
}

/// The error of rustls in a chain of errors. An I/O error that wraps one does not show it as its source.
fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inner = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
    error.downcast_ref().or_else(|| find(inner?))
}
