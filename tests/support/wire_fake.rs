//! A server on loopback that speaks the protocols of CloudWatch and STS, and breaks them on
//! request: real connections, for what the SDK's mocks cannot do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How the server responds to a call.
#[derive(Clone)]
pub(crate) enum Response {
    /// With a complete response: status, one header line, body.
    Complete(u16, &'static str, Vec<u8>),
    /// With a response that ends in the middle of its body, with the connection.
    Truncated,
    /// It closes the connection.
    Closed,
    /// It sends nothing and leaves the connection open.
    Never,
}

/// The header of CloudWatch's protocol, Smithy RPC v2 CBOR.
pub(crate) const CBOR: &str = "smithy-protocol: rpc-v2-cbor";

/// The header of STS's protocol, AWS query.
pub(crate) const XML: &str = "Content-Type: text/xml";

impl Response {
    /// An error of CloudWatch.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let members = [("__type", text(code)), ("message", text(message))];
        Response::Complete(status, CBOR, map(&members))
    }

    /// An error of STS.
    pub(crate) fn sts_error(status: u16, code: &str, message: &str) -> Self {
        let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let error = format!("<ErrorResponse>{error}</ErrorResponse>");
        Response::Complete(status, XML, error.into_bytes())
    }

    /// A successful response of CloudWatch with these members.
    pub(crate) fn ok(members: &[(&str, Vec<u8>)]) -> Self {
        Response::Complete(200, CBOR, map(members))
    }
}

/// A text as CBOR.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&[0x79], &length[..], text.as_bytes()].concat()
}

/// A number as CBOR.
pub(crate) fn number(number: f64) -> Vec<u8> {
    [&[0xFB], &number.to_be_bytes()[..]].concat()
}

/// A time in epoch milliseconds as CBOR.
pub(crate) fn time(millis: i64) -> Vec<u8> {
    [vec![0xC1], number(millis as f64 / 1_000.0)].concat()
}

/// At most 23 items as a CBOR array.
pub(crate) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [vec![0x80 + u8::try_from(items.len()).unwrap()], items.concat()].concat()
}

/// At most 23 members as a CBOR map.
pub(crate) fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let parts = members.iter().map(|(name, value)| [text(name), value.clone()].concat());
    let count = 0xA0 + u8::try_from(members.len()).unwrap();
    [vec![count], parts.collect::<Vec<_>>().concat()].concat()
}

/// A call that the server received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// The name of the action.
    pub(crate) action: String,
    /// The access key and the region that the call is signed with.
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) body: Vec<u8>,
    /// The number of the connection that it came on, from 1.
    pub(crate) connection: usize,
}

/// A running server. It ends with this process.
pub(crate) struct WireFake {
    pub(crate) url: String,
    /// The calls that it received, in order.
    pub(crate) calls: Arc<Mutex<Vec<Call>>>,
    /// The number of connections that it accepted.
    pub(crate) connections: Arc<Mutex<usize>>,
}

impl WireFake {
    /// A server that responds as `respond` says.
    pub(crate) fn new(respond: impl Fn(&Call) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = WireFake {
            url: format!("http://{}", listener.local_addr().unwrap()),
            calls: Arc::default(),
            connections: Arc::default(),
        };
        let (calls, connections, respond) =
            (fake.calls.clone(), fake.connections.clone(), Arc::new(respond));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = {
                    let mut connections = connections.lock().unwrap();
                    *connections += 1;
                    *connections
                };
                let (calls, respond) = (calls.clone(), respond.clone());
                std::thread::spawn(move || {
                    serve(stream.unwrap(), connection, &calls, respond.as_ref())
                });
            }
        });
        fake
    }

    /// The number of calls of this action.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| call.action == action).count()
    }
}

/// Serves the calls of a connection until it ends.
fn serve(
    stream: TcpStream,
    connection: usize,
    calls: &Mutex<Vec<Call>>,
    respond: &dyn Fn(&Call) -> Response,
) {
    let mut stream = BufReader::new(stream);
    while let Some(call) = read(&mut stream, connection) {
        calls.lock().unwrap().push(call.clone());
        let written = match respond(&call) {
            Response::Complete(status, header, body) => {
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} -\r\n{header}\r\nContent-Length: {length}\r\n\r\n");
                stream.get_mut().write_all(&[head.into_bytes(), body].concat())
            }
            Response::Truncated => {
                let head = format!("HTTP/1.1 200 -\r\n{CBOR}\r\nContent-Length: 1000\r\n\r\n\u{1}");
                let _ = stream.get_mut().write_all(head.as_bytes());
                return;
            }
            Response::Closed => return,
            Response::Never => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}

/// The next call; `None` if the connection has ended.
fn read(stream: &mut BufReader<TcpStream>, connection: usize) -> Option<Call> {
    let (mut path, mut access_key, mut region) = (String::new(), String::new(), String::new());
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if path.is_empty() {
            path = line.split(' ').nth(1)?.to_owned();
        } else if line.is_empty() {
            break;
        } else if let Some((name, value)) = line.split_once(": ") {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            } else if name.eq_ignore_ascii_case("authorization") {
                // AWS4-HMAC-SHA256 Credential=AKIA…/20260101/eu-west-1/sts/aws4_request
                let mut parts = value.split_once('=')?.1.split('/');
                parts.next()?.clone_into(&mut access_key);
                parts.nth(1)?.clone_into(&mut region);
            }
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let action = match path.rsplit_once("/operation/") {
        Some((_, action)) => action.to_owned(),
        None => "AssumeRole".to_owned(),
    };
    Some(Call { action, access_key, region, body, connection })
}
