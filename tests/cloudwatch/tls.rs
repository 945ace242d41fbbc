//! TLS: an untrusted certificate, and a handshake that never ends. A trusted one is in
//! `tests/process.rs`, because `SSL_CERT_FILE` is for a whole process.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::faults::{app_at, request, send};

#[tokio::test]
async fn a_certificate_of_nobody_known_is_refused() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let errors = Arc::new(Mutex::new(Vec::new()));
    let kept = errors.clone();
    std::thread::spawn(move || {
        let config = Arc::new(config);
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            kept.lock().unwrap().push(stream.write_all(b"never seen").unwrap_err().to_string());
        }
    });
    let reply = send(&app_at(&url), "", request("GetMetricData", None)).await;
    let details = reply.body["details"].as_str().unwrap();
    let words = "the mirror does not trust the certificate of CloudWatch in eu-west-1 (invalid \
                 peer certificate: ";
    assert!(details.starts_with(words) && details.contains("SSL_CERT_FILE"), "{details}");
    let errors = errors.lock().unwrap();
    assert!(!errors.is_empty() && errors.iter().all(|error| error.contains("alert")), "{errors:?}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            silent.push(stream.unwrap());
            count.store(silent.len(), Ordering::SeqCst);
        }
    });
    let reply = send(&app_at(&url), "", request("GetMetricData", Some(5_000))).await;
    assert!(
        reply.body["details"].as_str().unwrap().starts_with("no answer within 4500 milliseconds")
    );
    assert_eq!(accepted.load(Ordering::SeqCst), 2, "the first is given up after half the time");
}
