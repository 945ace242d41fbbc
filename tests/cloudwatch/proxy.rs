//! The proxy on the way to AWS: a process on loopback.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;
use stackstate_mirror::app::App;

use super::connections::failure;
use crate::support::app::{app_with, now};
use crate::support::wire_fake::{Response, WireFake};

/// A proxy process. It writes a line for each request, and ends with its standard input.
struct Proxy {
    process: Child,
    port: u16,
    lines: Lines<BufReader<ChildStdout>>,
}

/// The proxy: CONNECT opens a tunnel. With a credential it refuses requests without it.
const PROXY: &str = r#"
import base64, http.server, os, select, socket, sys, threading

credential = sys.argv[1].encode()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def is_refused(self):
        given = self.headers.get("Proxy-Authorization", "")
        wanted = "Basic " + base64.b64encode(credential).decode()
        refused = bool(credential) and given != wanted
        sys.stdout.write(f"{self.command} {self.path} {'refused' if refused else 'passed'}\n")
        sys.stdout.flush()
        if refused:
            self.send_response(407)
            self.send_header("Content-Length", "0")
            self.end_headers()
        return refused

    def do_CONNECT(self):
        if self.is_refused():
            return
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as server:
            self.send_response(200)
            self.end_headers()
            pair = [self.connection, server]
            while True:
                for one in select.select(pair, [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    pair[1 - pair.index(one)].sendall(data)

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass

threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

impl Proxy {
    /// A proxy that wants this credential, `user:password`, or none.
    fn new(credential: &str) -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/ministack/bin/python");
        let mut process = Command::new(python)
            .args(["-c", PROXY, credential])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        Proxy { process, port, lines }
    }

    fn url(&self, credential: &str) -> String {
        format!("http://{credential}127.0.0.1:{}", self.port)
    }

    /// Ends the proxy. The requests that it saw.
    fn end(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        self.lines.by_ref().map(Result::unwrap).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn app(endpoint: &str, variables: &[(&str, &str)]) -> App {
    app_with(&[&[("AWS_ENDPOINT_URL", endpoint)], variables].concat(), now)
}

/// Why the connection test fails.
async fn test(app: &App) -> Option<String> {
    let details = json!({"accessKeyId": "a", "secretAccessKey": "b", "region": "eu-west-1", "requestTimeout": 12_000});
    failure(app, &details).await
}

#[tokio::test]
async fn plain_http_has_no_proxy() {
    let aws = WireFake::new(|_| Response::ok(&[]));
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY"] {
        let variables = [(variable, "http://127.0.0.1:1")];
        assert_eq!(test(&app(&aws.url, &variables)).await, None, "{variable}");
    }
}

/// The proxy sees the host and nothing else. The server behind it answers no TLS, but it is
/// reached.
#[tokio::test]
async fn https_goes_through_a_tunnel() {
    use std::io::Read;
    use std::net::TcpListener;

    let aws = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = aws.local_addr().unwrap().port();
    let endpoint = format!("https://localhost:{port}");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in aws.incoming() {
            let mut first = [0; 6];
            let _ = stream.unwrap().read_exact(&mut first);
            let _ = sender.send(first);
        }
    });
    for (credential, given) in [("", ""), ("user:password", "user:password@")] {
        let proxy = Proxy::new(credential);
        let text = test(&app(&endpoint, &[("HTTPS_PROXY", &proxy.url(given))])).await;
        assert!(text.is_some(), "nobody answers");
        assert_eq!(proxy.end()[0], format!("CONNECT localhost:{port} passed"));
        let first = receiver.recv().unwrap();
        // A TLS record with a handshake, whose first message is ClientHello.
        assert_eq!((first[0], first[5]), (22, 1), "{first:?}");
    }
    for given in ["", "user:hush@"] {
        let proxy = Proxy::new("user:password");
        let text = test(&app(&endpoint, &[("https_proxy", &proxy.url(given))])).await.unwrap();
        let words = format!(
            "the proxy 127.0.0.1:{} does not connect the mirror to CloudWatch in eu-west-1: tunnel \
             error: proxy authorization required; expected an HTTP proxy",
            proxy.port
        );
        assert!(text.starts_with(&words) && text.contains("HTTPS_PROXY"), "{text}");
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(proxy.end()[0], format!("CONNECT localhost:{port} refused"));
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text =
        test(&app(&endpoint, &[("HTTPS_PROXY", &format!("http://{closed}"))])).await.unwrap();
    let words = format!(
        "the proxy {closed} does not connect the mirror to CloudWatch in eu-west-1: Connection refused"
    );
    assert!(text.starts_with(&words) && text.contains("(3 attempts)"), "{text}");

    // The system accepts the connection, but nothing responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = silent.local_addr().unwrap();
    let text = test(&app(&endpoint, &[("HTTPS_PROXY", &format!("http://{proxy}"))])).await.unwrap();
    let words = format!(
        "the proxy {proxy} does not connect the mirror to CloudWatch in eu-west-1: no connection \
         within 2500 milliseconds (3 attempts)"
    );
    assert!(text.starts_with(&words), "{text}");
}

#[tokio::test]
async fn exceptions_are_reached_directly() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (proxy, endpoint) = (format!("http://{closed}"), format!("https://{closed}"));
    for (exceptions, is_direct) in [
        ("127.0.0.1", true),
        ("127.0.0.0/8", true),
        ("example.com, 127.0.0.1", true),
        ("127.0.0.2,localhost", false),
        ("", false),
    ] {
        let variables = [("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", exceptions)];
        let text = test(&app(&endpoint, &variables)).await.unwrap();
        assert_eq!(!text.contains("the proxy"), is_direct, "{exceptions}: {text}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_no_http_proxy_is_told() {
    for value in ["socks5://hush@127.0.0.1:1", "https://hush", "http://"] {
        let text = test(&app("https://127.0.0.1:1", &[("HTTPS_PROXY", value)])).await.unwrap();
        let words = "CloudWatch in eu-west-1 cannot be reached: the function's variable HTTPS_PROXY \
                     is not the URL of an HTTP proxy, such as http://proxy.example.com:3128";
        assert!(text.starts_with(words) && !text.contains("hush"), "{text}");
    }
}

/// The hosts are those of the SDK's endpoint rules ("Amazon CloudWatch endpoints and quotas" and "AWS
/// Security Token Service endpoints and quotas", AWS general reference). The proxy refuses all, so none
/// is looked up.
#[tokio::test]
async fn endpoints_can_be_of_another_kind() {
    let role = "arn:aws:iam::111111111111:role/reader";
    for (region, fips, dual_stack, role, host) in [
        ("us-east-1", "", "", "", "monitoring.us-east-1.amazonaws.com"),
        ("us-east-1", "true", "false", "", "monitoring-fips.us-east-1.amazonaws.com"),
        ("eu-west-1", "", "true", "", "monitoring.eu-west-1.api.aws"),
        ("us-east-1", "true", "true", "", "monitoring-fips.us-east-1.api.aws"),
        ("us-gov-west-1", "true", "", "", "monitoring.us-gov-west-1.amazonaws.com"),
        ("eu-west-1", "", "true", role, "sts.eu-west-1.api.aws"),
        ("us-east-1", "true", "", role, "sts-fips.us-east-1.amazonaws.com"),
        ("us-gov-west-1", "true", "", role, "sts.us-gov-west-1.amazonaws.com"),
    ] {
        let proxy = Proxy::new("user:password");
        let app = app_with(
            &[
                ("AWS_REGION", region),
                ("HTTPS_PROXY", &proxy.url("")),
                ("AWS_USE_FIPS_ENDPOINT", fips),
                ("AWS_USE_DUALSTACK_ENDPOINT", dual_stack),
            ],
            now,
        );
        let mut details = json!({"accessKeyId": "a", "secretAccessKey": "b", "region": region});
        if !role.is_empty() {
            details["roleArn"] = json!(role);
        }
        assert!(failure(&app, &details).await.is_some());
        assert_eq!(proxy.end()[0], format!("CONNECT {host}:443 refused"), "{region}");
    }
    // An endpoint of one's own is used as it is.
    let aws = WireFake::new(|_| Response::ok(&[]));
    let variables = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
    assert_eq!(test(&app(&aws.url, &variables)).await, None);
}
