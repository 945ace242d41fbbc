//! AWS: clients, credentials, connections and errors. Nothing here knows the types of a query.
//!
//! | file | holds |
//! |---|---|
//! | `clients` | the SDK client of each caller, cached between requests |
//! | `session` | the calls of one request to CloudWatch in one region |
//! | `assumed_role` | a role that the mirror assumes |
//! | `retries` | when a failed attempt is followed by another |
//! | `caller` | who calls CloudWatch: the key of everything that is cached |
//! | `http` | the HTTP client for each kind of trust |
//! | `connector` | a pool of connections, with TLS and timeouts |
//! | `proxy` | the proxies on the way to AWS |
//! | `error` | AWS's errors → errors that say what to do |

pub(super) mod caller;
pub(super) mod clients;
pub(super) mod error;
pub(super) mod session;

mod assumed_role;
mod connector;
mod http;
mod proxy;
mod retries;
