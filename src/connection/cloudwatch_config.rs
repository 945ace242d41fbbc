//! The CloudWatch configuration in `connectionDetails`.

use std::time::Duration;

use super::details::{Details, seconds, text, whole};
use super::identity::{Credentials, Identity};
use crate::error::MirrorError;
use crate::json::Node;
use crate::region::Region;

/// How to query CloudWatch.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudWatchConfig {
    /// The credentials and the role.
    pub identity: Identity,
    /// The region of queries that name none.
    pub region: Option<Region>,
    /// More regions that the field `Region` lists.
    pub regions: Vec<Region>,
    /// The time limit of a request; more than zero.
    pub request_timeout: Option<Duration>,
    /// What happens to a value that is not a number.
    pub not_a_number: NotANumber,
    /// Whether lists include the metrics of linked accounts.
    pub linked_accounts: bool,
    /// Whether lists have only the metrics with data in the last three hours.
    pub recently_active_only: bool,
    /// Whether the metrics are stored at high resolution, so that periods below 60 seconds are
    /// right for them.
    pub high_resolution: bool,
    /// Buckets that ended less than this long ago are left out, because some metrics arrive
    /// late.
    pub settle: Duration,
    /// An empty bucket of a sum that ended less than this long ago is left out instead of 0,
    /// because its data may still be on its way. It is 0 if a later bucket has data.
    pub zero_fill_delay: Duration,
    /// How long points are cached; zero disables their cache. Lists have their own lifetime.
    pub cache: Duration,
    /// The maximum number of GetMetricData calls that a mirror which serves requests at once starts
    /// in a second, for these credentials in a region; more than zero.
    pub calls_per_second: u32,
}

/// The default of [`CloudWatchConfig::calls_per_second`]. Lambda starts three environments by default.
/// Together they stay below the lowest quota that AWS documents for an account in a region, 50 calls a
/// second ("CloudWatch service quotas", CloudWatch user guide), but for the first second after a pause.
const CALLS_PER_SECOND: u32 = 15;

/// What happens to a value that is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotANumber {
    /// The value is left out.
    Omit,
    /// The value becomes 0.
    Zero,
}

impl CloudWatchConfig {
    /// The configuration, if the details choose CloudWatch: by a credential, or by name.
    ///
    /// # Errors
    /// A member is not valid, even if the details choose random data.
    pub(super) fn read(details: &Details) -> Result<Option<Self>, MirrorError> {
        let source = text(&details.source, "\"random\" or \"cloudwatch\"", |text| {
            ["random", "cloudwatch"].contains(&text.to_ascii_lowercase().as_str())
        })?;
        let identity = Identity::read(details)?;
        let function_role = || Identity { credentials: Credentials::FunctionRole, role: None };
        let config = CloudWatchConfig {
            identity: identity.clone().unwrap_or_else(function_role),
            region: details.region.as_ref().map(region).transpose()?,
            regions: regions(details)?,
            request_timeout: request_timeout(details)?,
            not_a_number: not_a_number(details)?,
            linked_accounts: flag(&details.linked_accounts)?,
            recently_active_only: flag(&details.recently_active_only)?,
            high_resolution: flag(&details.high_resolution)?,
            settle: seconds(whole(&details.settle_seconds, 0, 86_400, "seconds")?, 0),
            zero_fill_delay: seconds(
                whole(&details.zero_fill_delay_seconds, 0, 86_400, "seconds")?,
                300,
            ),
            cache: seconds(whole(&details.cache_seconds, 0, 3_600, "seconds")?, 30),
            calls_per_second: whole(&details.calls_per_second, 1, 1_000, "calls")?
                .and_then(|calls| u32::try_from(calls).ok())
                .unwrap_or(CALLS_PER_SECOND),
        };
        Ok(match source.map(str::to_ascii_lowercase).as_deref() {
            Some("random") => None,
            Some(_) => Some(config),
            None => identity.is_some().then_some(config),
        })
    }
}

/// A member that is `true` or `false`; `false` if it is absent.
fn flag(node: &Option<Node>) -> Result<bool, MirrorError> {
    Ok(node.as_ref().map(Node::boolean).transpose()?.unwrap_or(false))
}

fn region(node: &Node) -> Result<Region, MirrorError> {
    Region::new(node.text(Region::EXPECTED)?).ok_or_else(|| node.wrong(Region::EXPECTED))
}

fn regions(details: &Details) -> Result<Vec<Region>, MirrorError> {
    let Some(node) = &details.regions else { return Ok(Vec::new()) };
    node.items()?.map(|item| region(&item)).collect()
}

fn request_timeout(details: &Details) -> Result<Option<Duration>, MirrorError> {
    const DAY: i64 = 86_400;
    let millis = whole(&details.request_timeout, 1, DAY * 1_000, "milliseconds")?;
    let seconds = whole(&details.request_timeout_seconds, 1, DAY, "seconds")?;
    Ok(millis.map(Duration::from_millis).or(seconds.map(Duration::from_secs)))
}

fn not_a_number(details: &Details) -> Result<NotANumber, MirrorError> {
    let text = text(&details.nan_interpretation, "\"NONE\" or \"ZERO\"", |text| {
        ["NONE", "ZERO"].contains(&text.to_ascii_uppercase().as_str())
    })?;
    Ok(match text {
        Some(text) if text.eq_ignore_ascii_case("ZERO") => NotANumber::Zero,
        _ => NotANumber::Omit,
    })
}
