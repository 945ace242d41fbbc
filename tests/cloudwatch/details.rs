//! Connection details: every spelling, and every mistake in every call.

use serde_json::{Value, json};
use stackstate_mirror::connection::{Connection, Credentials, NotANumber};
use stackstate_mirror::json::Node;

use crate::support::app::app;
use crate::support::events::post;
use crate::support::openapi;

const ARN: &str = "arn:aws:iam::123456789012:role/team/mirror";

fn read(details: &Value) -> Connection {
    let object = Node::root(details).secret().object().unwrap();
    Connection::read(&object, true).unwrap_or_else(|error| panic!("{details}: {error}"))
}

#[test]
fn random_data_unless_a_credential_says_otherwise() {
    let random = |seed| Connection::Random { seed };
    for (details, connection) in [
        (json!({}), random(None)),
        (json!({"seed": -1}), random(Some(u64::MAX))),
        (
            json!({"host": "localhost", "port": 9900, "requestTimeout": 15000, "nan_interpretation": "ZERO"}),
            random(None),
        ),
        (json!({"region": null, "aws": {}, "accessKeyId": null, "roleArn": ""}), random(None)),
        (json!({"regions": [], "linkedAccounts": null, "profile": "", "keys": {}}), random(None)),
        (json!({"source": "random", "region": "eu-west-1", "profile": "default"}), random(None)),
        (
            json!({"requestTimeoutSeconds": 15, "cacheSeconds": 30, "callsPerSecond": 5, "comment": "x"}),
            random(None),
        ),
        (json!({"accessKeyId": ""}), random(None)),
        (json!({"secretAccessKey": ""}), random(None)),
        (
            json!({"source": "random", "accessKeyId": "id", "secretAccessKey": "secret"}),
            random(None),
        ),
        (json!({"aws": {"seed": 3}}), random(Some(3))),
    ] {
        assert_eq!(read(&details), connection, "{details}");
    }
}

/// What the configurations of other tools look like. Random data must never look like real data by accident.
#[tokio::test]
async fn what_means_cloudwatch_is_never_answered_with_random_data() {
    let names = |details: &Value| -> Vec<String> {
        let aws = details["aws"].as_object().into_iter().flatten();
        let members = details.as_object().unwrap().iter().filter(|(name, _)| *name != "aws");
        members.chain(aws).map(|(name, _)| name.clone()).collect()
    };
    for details in [
        // The names that people try first.
        json!({"accessKey": "AKIA", "secretKey": "x", "region": "eu-west-1"}),
        json!({"key": "AKIA", "secret": "x"}),
        json!({"access_key": "AKIA", "secret_key": "x"}),
        json!({"apiKey": "x"}),
        json!({"accessKeyIdentifier": "AKIA", "secretAccess": "x"}),
        json!({"credentials": {"accessKeyId": "AKIA", "secretAccessKey": "x"}}),
        json!({"awsCredentials": "AKIA:x"}),
        json!({"username": "AKIA", "password": "x"}),
        json!({"keyId": "AKIA", "keySecret": "x"}),
        json!({"id": "AKIA", "secretAccess": "x"}),
        // The AWS CLI, the SDKs, and their environment.
        json!({"profile": "default", "region": "eu-west-1"}),
        json!({"AWS_PROFILE": "default"}),
        json!({"AWS_DEFAULT_REGION": "eu-west-1"}),
        json!({"aws": {"profile_name": "default"}}),
        json!({"credential_source": "Ec2InstanceMetadata"}),
        json!({"source_profile": "default"}),
        json!({"web_identity_token_file": "/t", "role_session": "s"}),
        json!({"role": "arn:aws:iam::123456789012:role/r"}),
        // Grafana's data source.
        json!({"authType": "keys", "defaultRegion": "eu-west-1"}),
        json!({"assumeRoleArn": "arn:aws:iam::123456789012:role/r"}),
        json!({"secureJsonData": {"accessKey": "AKIA", "secretKey": "x"}, "defaultRegion": "eu-west-1"}),
        // YACE, Telegraf, Datadog, Prometheus' cloudwatch_exporter.
        json!({"regions": ["eu-west-1"], "roles": [{"roleArn": "r"}]}),
        json!({"access_key": "AKIA", "shared_credential_file": "/c"}),
        json!({"iamRole": "x", "namespaces": ["AWS/EC2"], "default_region": "eu-west-1"}),
        json!({"aws_account_id": "123456789012", "role_name": "monitoring"}),
        json!({"account_id": "123456789012"}),
        json!({"region": "eu-west-1", "role_name": "exporter"}),
        // StackState's own sources and StackPacks, with what they need left out.
        json!({"region": "eu-west-1"}),
        json!({"regionName": "eu-west-1", "requestTimeout": 15000}),
        json!({"regions": ["eu-west-1"], "linkedAccounts": false}),
        json!({"aws": {"region": "eu-west-1"}}),
        json!({"linkedAccounts": true}),
        json!({"accountId": "123456789012", "externalId": "external"}),
        json!({"seed": 1, "keys": ["AKIA", "x"]}),
    ] {
        let answer = post(&app(), "connection", &json!({"connectionDetails": details})).await;
        let error = answer.body["error"]["details"].as_str().unwrap_or_else(|| panic!("{details}"));
        assert!(
            error.contains("but no credential that the mirror knows; expected"),
            "{details}: {error}"
        );
        assert!(
            names(&details).iter().any(|name| error.contains(name.trim_end_matches("Name"))),
            "{details}: {error}"
        );
        assert!(!error.contains("AKIA") && !error.contains("default\""), "{details}: {error}");
        let query = json!({"startTime": 0, "endTime": 60_000});
        let answer =
            post(&app(), "metric", &json!({"connectionDetails": details, "query": query})).await;
        assert_eq!(answer.status, 500, "{details}");
    }
    // A missing credential of CloudWatch names what may have been meant for it.
    for details in [
        json!({"source": "cloudwatch", "accessKey": "AKIA", "secretKey": "x"}),
        json!({"accessKeyId": "AKIA", "secretKey": "x"}),
    ] {
        let answer = post(&app(), "connection", &json!({"connectionDetails": details})).await;
        let error = answer.body["error"]["details"].as_str().unwrap();
        assert!(
            error.contains("; not known, so ignored: ") && error.contains("secretKey"),
            "{error}"
        );
    }
}

/// Their answer would be empty, and nothing would tell why. The query has no namespace, so CloudWatch is not asked.
#[tokio::test]
async fn seconds_are_no_milliseconds() {
    let details = json!({"accessKeyId": "AKIA", "secretAccessKey": "x", "region": "eu-west-1"});
    for (start, end, is_told) in [
        (1_504_400_400_i64, 1_504_411_200_i64, true),
        (1, 9_999_999_999, true),
        (0, 1_504_411_200, false),
        (1_504_400_400, 1_504_411_200_000, false),
    ] {
        for call in ["metric", "field/name", "field/value"] {
            let query = json!({
                "startTime": start, "endTime": end, "metricField": "M", "field": {"fieldName": "Nowhere"},
                "conditions": [{"key": "Unit", "value": {"value": "parsec"}}],
            });
            let body = json!({"connectionDetails": details, "query": query});
            let answer = post(&app(), call, &body).await;
            let error = answer.body["details"].as_str().unwrap_or_default();
            assert_eq!(answer.status, 500, "{call} {start}");
            assert_eq!(
                error.contains("which look like seconds"),
                is_told,
                "{call} {start}: {error}"
            );
        }
    }
    // Random data has any time.
    let query = json!({"startTime": 1, "endTime": 1_000});
    let body = json!({"connectionDetails": {}, "query": query});
    assert_eq!(post(&app(), "metric", &body).await.status, 200);
}

#[test]
fn every_spelling_is_understood() {
    let plain = json!({
        "accessKeyId": "id", "secretAccessKey": "secret", "sessionToken": "token",
        "roleArn": ARN, "externalId": "external", "roleSessionName": "session",
        "tokenExpirySeconds": 900, "region": "eu-west-1", "regions": ["eu-west-1", "us-gov-west-1"],
        "requestTimeout": 15000, "nanInterpretation": "ZERO", "linkedAccounts": true,
        "settleSeconds": 60, "zeroFillDelaySeconds": 90, "cacheSeconds": 0,
        "recentlyActiveOnly": true, "highResolution": true,
    });
    let expected = read(&plain);
    let Connection::CloudWatch(cloudwatch) = &expected else { panic!("{expected:?}") };
    assert_eq!(cloudwatch.not_a_number, NotANumber::Zero);
    assert_eq!(cloudwatch.regions.len(), 2);
    assert_eq!(cloudwatch.zero_fill_delay.as_secs(), 90);
    let Connection::CloudWatch(defaults) = read(&json!({"source": "cloudwatch"})) else { panic!() };
    assert_eq!(defaults.zero_fill_delay.as_secs(), 300);
    assert!(!defaults.recently_active_only && !defaults.high_resolution);
    for details in [
        json!({
            "AccessKeyId": "id", "SecretAccessKey": "secret", "SessionToken": "token",
            "RoleArn": ARN, "ExternalId": "external", "RoleSessionName": "session",
            "TokenExpirySeconds": 900, "Region": "eu-west-1", "Regions": ["eu-west-1", "us-gov-west-1"],
            "RequestTimeout": 15000, "NanInterpretation": "zero", "LinkedAccounts": true,
            "SettleSeconds": 60, "ZeroFillDelaySeconds": 90, "CacheSeconds": 0,
            "RecentlyActiveOnly": true, "HighResolution": true,
        }),
        json!({
            "source": "CloudWatch", "request_timeout_seconds": 15, "nan_interpretation": "ZERO",
            "linked-accounts": true, "settle_seconds": 60.0, "cache_seconds": 0,
            "zero_fill_delay_seconds": 90, "recently_active_only": true, "high_resolution": true,
            "aws": {
                "aws_access_key_id": "id", "aws_secret_access_key": "secret",
                "aws_session_token": "token", "role_arn": ARN, "external_id": "external",
                "role_session_name": "session", "token_expiry_seconds": 900,
                "region_name": "eu-west-1", "regions": ["eu-west-1", "us-gov-west-1"],
            },
        }),
        {
            let mut twice = plain.clone();
            twice["aws"] = json!({"aws_access_key_id": "id"});
            twice["unknown"] = json!({"accessKeyId": 5, "acessKeyId": 5});
            twice["acessKeyId"] = Value::Null;
            twice
        },
    ] {
        assert_eq!(read(&details), expected, "{details}");
    }
    assert!(!format!("{expected:?}").contains("secret\""), "{expected:?}");
    assert!(!format!("{expected:?}").contains("external\""), "{expected:?}");
}

/// A reader copies an example and misspells a key. With the source, that is an error.
#[test]
fn every_example_of_cloudwatch_names_its_source() {
    let mut examples = 0;
    for file in ["README.md", "docs/cloudwatch.md", "docs/deploy.md", "docs/security.md"] {
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for block in text.split("```json\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let block = block.replace('…', "placeholder");
            let example: Value = serde_json::from_str(&block).unwrap();
            let has = |name: &str| example.get(name).is_some();
            // A graph has a region too.
            if !has("metrics") && ["region", "accessKeyId", "roleArn"].into_iter().any(has) {
                assert_eq!(example["source"], "cloudwatch", "{file}: {block}");
                assert!(matches!(read(&example), Connection::CloudWatch(_)), "{file}: {block}");
                openapi::is_a("MirrorConnectionDetails", &example).unwrap();
                examples += 1;
            }
        }
    }
    assert!(examples > 4, "{examples} examples");
}

#[test]
fn the_functions_own_role_has_three_spellings() {
    for details in [
        json!({"source": "cloudwatch"}),
        json!({"accessKeyId": "use-role", "secretAccessKey": "use-role"}),
        json!({"roleArn": ARN}),
    ] {
        let Connection::CloudWatch(cloudwatch) = read(&details) else { panic!("{details}") };
        assert_eq!(cloudwatch.identity.credentials, Credentials::FunctionRole, "{details}");
        let session = cloudwatch.identity.role.map(|role| role.session_name);
        assert_eq!(session.as_deref(), details.get("roleArn").map(|_| "stackstate-mirror"));
    }
}

#[test]
fn the_longest_credentials_are_accepted() {
    let (secret, token) = ("s".repeat(256), "t".repeat(16_384));
    let details = json!({
        "accessKeyId": "id", "secretAccessKey": secret, "sessionToken": token,
        "roleArn": ARN, "externalId": "external", "roleSessionName": "session",
    });
    let Connection::CloudWatch(cloudwatch) = read(&details) else { panic!() };
    let Credentials::Keys(keys) = cloudwatch.identity.credentials else { panic!() };
    assert_eq!(keys.secret_access_key.expose(), secret);
    assert_eq!(keys.session_token.unwrap().expose(), token);
}

#[tokio::test]
async fn mistakes_are_named_by_every_call_and_never_quoted() {
    let app = app();
    let region = "a region such as eu-west-1";
    let role = "a role such as arn:aws:iam::123456789012:role/name";
    let key = "an access key id such as AKIAIOSFODNN7EXAMPLE, without spaces";
    let secret = "a secret access key, without spaces, at most 256 characters";
    let wrong = |member: &str, expected: &str, found: &str| {
        format!("connectionDetails.{member}: expected {expected}, found {found}")
    };
    let misspelt = |member: &str, known: &str| {
        format!("connectionDetails.{member}: no member has this name; did you mean {known}?")
    };
    let half = |present: &str, missing: &str| {
        format!(
            "connectionDetails: {present} is present but {missing} is missing; a credential needs both"
        )
    };
    for (details, text) in [
        (
            json!({"accessKeyId": "", "secretAccessKey": ""}),
            "connectionDetails: accessKeyId and secretAccessKey are empty; fill them in, or remove \
             them for random data"
                .to_owned(),
        ),
        (json!({"accessKeyId": "hush"}), half("accessKeyId", "secretAccessKey")),
        (json!({"secretAccessKey": "hush"}), half("secretAccessKey", "accessKeyId")),
        (json!({"accessKeyId": "", "secretAccessKey": "hush"}), half("secretAccessKey", "accessKeyId")),
        (json!({"sessionToken": "hush"}), half("sessionToken", "accessKeyId")),
        (json!({"accessKeyId": "use-role", "secretAccessKey": "hush"}), "connectionDetails: only one of accessKeyId and secretAccessKey is use-role; set both to use-role to use the function's own role".to_owned()),
        (json!({"accessKeyId": 5, "secretAccessKey": "hush"}), wrong("accessKeyId", key, "a number (not shown)")),
        (json!({"aws": {"aws_access_key_id": "hush hush"}}), wrong("aws.aws_access_key_id", key, "a string (not shown)")),
        (json!({"aws": "hush"}), wrong("aws", "an object", "a string (not shown)")),
        (json!({"secretAccessKey": "hush\nhush"}), wrong("secretAccessKey", secret, "a string (not shown)")),
        (json!({"source": "hush"}), wrong("source", "\"random\" or \"cloudwatch\"", "a string (not shown)")),
        (json!({"region": "hush.example.com/"}), wrong("region", region, "a string (not shown)")),
        (json!({"regions": ["eu-west-1", "hush"]}), wrong("regions[1]", region, "a string (not shown)")),
        (json!({"regions": "eu-west-1"}), wrong("regions", "an array", "a string (not shown)")),
        (json!({"roleArn": "hush"}), wrong("roleArn", role, "a string (not shown)")),
        (json!({"roleArn": "arn:aws:iam::1234:role/hush"}), wrong("roleArn", role, "a string (not shown)")),
        (json!({"roleArn": "arn:aws:iam::123456789012:user/hush"}), wrong("roleArn", role, "a string (not shown)")),
        (json!({"externalId": "h"}), wrong("externalId", "an external ID: 2 to 1224 letters, digits and +=,.@:/_-", "a string (not shown)")),
        (json!({"roleSessionName": "hush hush"}), wrong("roleSessionName", "a session name: 2 to 64 letters, digits and +=,.@_-", "a string (not shown)")),
        (json!({"tokenExpirySeconds": 60}), wrong("tokenExpirySeconds", "a whole number of seconds from 900 to 43200", "a number (not shown)")),
        (json!({"requestTimeout": 0}), wrong("requestTimeout", "a whole number of milliseconds from 1 to 86400000", "a number (not shown)")),
        (json!({"nanInterpretation": "hush"}), wrong("nanInterpretation", "\"NONE\" or \"ZERO\"", "a string (not shown)")),
        (json!({"linkedAccounts": "hush"}), wrong("linkedAccounts", "true or false", "a string (not shown)")),
        (json!({"accessKeyId": "id", "secretAccessKey": "x".repeat(257)}), wrong("secretAccessKey", secret, "a string (not shown)")),
        (json!({"accessKeyId": "id", "secretAccessKey": "secret", "sessionToken": "x".repeat(16_385)}), wrong("sessionToken", "a session token, without spaces, at most 16384 characters", "a string (not shown)")),
        (json!({"zeroFillDelaySeconds": 86_401}), wrong("zeroFillDelaySeconds", "a whole number of seconds from 0 to 86400", "a number (not shown)")),
        (json!({"recentlyActiveOnly": "hush"}), wrong("recentlyActiveOnly", "true or false", "a string (not shown)")),
        (json!({"highResolution": 1}), wrong("highResolution", "true or false", "a number (not shown)")),
        (json!({"acessKeyId": "hush", "secretAcessKey": "hush"}), misspelt("acessKeyId", "accessKeyId")),
        (json!({"aws": {"aws_role_anr": "hush"}}), misspelt("aws.aws_role_anr", "roleArn")),
        (json!({"sources": "cloudwatch"}), misspelt("sources", "source")),
        (json!({"settleSeconds": -1}), wrong("settleSeconds", "a whole number of seconds from 0 to 86400", "a number (not shown)")),
        (json!({"region": "eu-west-1", "aws": {"region_name": "eu-west-2"}}), wrong("aws.region_name", "the same value as under the other spelling of this member", "a string (not shown)")),
        (json!({"seed": "hush"}), wrong("seed", "a whole number", "a string (not shown)")),
    ] {
        let reply = post(&app, "connection", &json!({"connectionDetails": details})).await;
        assert_eq!((reply.status, &reply.body["status"]), (200, &json!("FAILURE")), "{details}");
        let found = reply.body["error"]["details"].as_str().unwrap();
        assert_eq!(found, format!("The mirror cannot read this request: {text}"));
        assert!(!found.contains("hush"), "{found}");
        let query = json!({"startTime": 0, "endTime": 1000, "field": {"fieldName": "f"}});
        for call in ["field/name", "field/value", "metric"] {
            let body = json!({"connectionDetails": details, "query": query});
            let reply = post(&app, call, &body).await;
            assert_eq!((reply.status, &reply.body["details"]), (500, &json!(text)), "{call}");
        }
    }
}
