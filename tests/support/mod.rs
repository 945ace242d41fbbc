//! What the tests share. Every test file uses a part of it.
//!
//! | file | holds |
//! |---|---|
//! | `app` | mirrors to test |
//! | `events` | Lambda events and the mirror's replies |
//! | `inventory` | a CloudWatch with some metrics, on the SDK's mocks |
//! | `invariants` | what holds for every answer with random data; the fuzzer uses it too |
//! | `ministack` | a local CloudWatch and STS with real data |
//! | `wire_fake` | a server that speaks AWS's protocols and can break them |
//! | `openapi` | the description of the API, which every answer is compared with |
//! | `samples` | a correct CloudWatch with small pages, on the SDK's mocks |
//! | `sdk_mock` | the SDK's mocks, for pages and requests |

#![allow(dead_code, reason = "every test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

pub(crate) mod app;
pub(crate) mod events;
pub(crate) mod invariants;
pub(crate) mod inventory;
pub(crate) mod ministack;
pub(crate) mod openapi;
pub(crate) mod samples;
pub(crate) mod sdk_mock;
pub(crate) mod wire_fake;
