//! `connectionDetails` → [`Connection`]: which source answers, with which credentials.

mod details;
mod identity;

use std::time::Duration;

use self::details::Details;
pub(crate) use self::details::{ACCESS_TOKEN, AWS, normalize};
pub use self::identity::{Credentials, Identity, Role};
use crate::error::MirrorError;
use crate::json::{Node, Object};
use crate::region::Region;

/// The source that answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Connection {
    /// Random data, as in StackState's mirror tutorial.
    Random {
        /// The seed. Equal seeds give equal answers.
        seed: Option<u64>,
    },
    /// CloudWatch.
    CloudWatch(Box<CloudWatchConfig>),
}

impl Connection {
    /// Reads the connection details. Unknown members are ignored, because the API calls the
    /// object free-form, unless the answer would be random data and they mean CloudWatch.
    /// `is_restricted` says that the caller has an access token.
    ///
    /// # Errors
    /// A known member is not valid, half of a credential is missing, or the function's own role is to be
    /// used without an access token. The error names the member but never its value.
    pub fn read(details: &Object, is_restricted: bool) -> Result<Self, MirrorError> {
        let details = Details::collect(details)?;
        let integer = |node: &Node| node.integer("a whole number");
        let seed = details.get("seed").map(integer).transpose()?;
        let sources = [("random", false), ("cloudwatch", true)];
        let is_cloudwatch = word(&details, "source", "\"random\" or \"cloudwatch\"", sources)?;
        let identity = Identity::read(&details)?;
        let has_credential = identity.is_some();
        let config = CloudWatchConfig::read(&details, identity)?;
        match is_cloudwatch.unwrap_or(has_credential) {
            false => {
                if is_cloudwatch.is_none() {
                    details.mean_random()?;
                }
                Ok(Connection::Random { seed: seed.map(i64::cast_unsigned) })
            }
            true if config.identity.credentials == Credentials::FunctionRole && !is_restricted => {
                Err(function_role_refused(&details))
            }
            true => Ok(Connection::CloudWatch(Box::new(config))),
        }
    }

    /// The name of the source, for the log.
    pub fn source(&self) -> &'static str {
        match self {
            Connection::Random { .. } => "random",
            Connection::CloudWatch(_) => "cloudwatch",
        }
    }

    /// The source for a person: "random data", or "CloudWatch", the regions, and who asks.
    /// `function_region` is asked if the details name no region.
    pub fn description(&self, function_region: Option<&Region>) -> String {
        let Connection::CloudWatch(config) = self else { return "random data".to_owned() };
        let identity = &config.identity;
        let who = match (&identity.role, &identity.credentials) {
            (Some(role), _) => format!("role {}", role.arn),
            (None, Credentials::Keys(_)) => "access key".to_owned(),
            (None, Credentials::FunctionRole) => "own role".to_owned(),
        };
        let mut regions: Vec<&Region> = config.regions(function_region).collect();
        let default = regions.first().copied();
        regions.sort();
        regions.dedup();
        let more = match regions.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let region = default.map_or_else(String::new, |region| format!("{region}{more}, "));
        format!("CloudWatch, {region}{who}")
    }

    /// The time limit of a request, if the connection sets one.
    pub fn request_timeout(&self) -> Option<Duration> {
        match self {
            Connection::Random { .. } => None,
            Connection::CloudWatch(config) => config.request_timeout,
        }
    }
}

fn function_role_refused(details: &Details) -> MirrorError {
    MirrorError::connection(format!(
        "these connection details use the function's own role, which requires an access token; set \
         MIRROR_ACCESS_TOKEN (AccessToken in the SAM template), or give accessKeyId and secretAccessKey{}",
        details.ignored()
    ))
}

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
    /// How long an empty bucket of a metric has the last value before it, at most
    /// [`CloudWatchConfig::MAX_HOLD`]; zero for not at all.
    pub hold: Duration,
    /// How long points are cached; zero disables their cache. Lists have their own lifetime.
    pub cache: Duration,
    /// The maximum number of GetMetricData calls that a mirror which serves requests at once starts
    /// in a second, for these credentials in a region; more than zero.
    pub calls_per_second: u32,
}

/// The default of [`CloudWatchConfig::calls_per_second`]. At most four calls are under way, and each
/// takes about 0.1 seconds, so a higher one has no effect. The quota of an account in a region is 500
/// a second by default ("CloudWatch service quotas", CloudWatch user guide: L-5E141212); where it is
/// lower, throttled calls slow the mirror down.
const CALLS_PER_SECOND: u32 = 40;

/// What happens to a value that is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotANumber {
    /// The value is left out.
    Omit,
    /// The value becomes 0.
    Zero,
}

impl CloudWatchConfig {
    /// The longest time for which a value is held, in seconds: a week.
    pub const MAX_HOLD: i64 = 7 * DAY;

    /// The regions of the connection, or the function's own region if there are none. The first
    /// is the default.
    pub fn regions<'a>(
        &'a self,
        function_region: Option<&'a Region>,
    ) -> impl Iterator<Item = &'a Region> {
        let is_open = self.region.is_none() && self.regions.is_empty();
        self.region.iter().chain(&self.regions).chain(function_region.filter(|_| is_open))
    }

    /// The configuration, for the function's own role if the details have no credential.
    fn read(details: &Details, identity: Option<Identity>) -> Result<Self, MirrorError> {
        let function_role = || Identity { credentials: Credentials::FunctionRole, role: None };
        let nan = [("NONE", NotANumber::Omit), ("ZERO", NotANumber::Zero)];
        Ok(CloudWatchConfig {
            identity: identity.unwrap_or_else(function_role),
            region: details.get("region").map(region).transpose()?,
            regions: match details.get("regions") {
                None => Vec::new(),
                Some(node) => node.items()?.map(|item| region(&item)).collect::<Result<_, _>>()?,
            },
            request_timeout: request_timeout(details)?,
            not_a_number: word(details, "nanInterpretation", "\"NONE\" or \"ZERO\"", nan)?
                .unwrap_or(NotANumber::Omit),
            linked_accounts: details.flag("linkedAccounts")?,
            recently_active_only: details.flag("recentlyActiveOnly")?,
            high_resolution: details.flag("highResolution")?,
            settle: details.seconds("settleSeconds", 0, DAY, 0)?,
            zero_fill_delay: details.seconds("zeroFillDelaySeconds", 0, DAY, 300)?,
            hold: details.seconds("holdSeconds", 0, Self::MAX_HOLD, 0)?,
            cache: details.seconds("cacheSeconds", 0, 3_600, 30)?,
            calls_per_second: details
                .whole("callsPerSecond", 1, 1_000, "calls")?
                .and_then(|calls| u32::try_from(calls).ok())
                .unwrap_or(CALLS_PER_SECOND),
        })
    }
}

/// A day in seconds.
const DAY: i64 = 86_400;

/// What the member's word means, in upper or lower case.
fn word<T: Copy>(
    details: &Details,
    name: &str,
    expected: &str,
    words: [(&str, T); 2],
) -> Result<Option<T>, MirrorError> {
    details.parsed(name, expected, |text| {
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, meaning)| *meaning)
    })
}

fn region(node: &Node) -> Result<Region, MirrorError> {
    node.parsed(Region::EXPECTED, Region::new)
}

fn request_timeout(details: &Details) -> Result<Option<Duration>, MirrorError> {
    let millis = details.whole("requestTimeout", 1, DAY * 1_000, "milliseconds")?;
    let seconds = details.whole("requestTimeoutSeconds", 1, DAY, "seconds")?;
    Ok(millis.map(Duration::from_millis).or(seconds.map(Duration::from_secs)))
}
