//! Method and path → [`Endpoint`].

use crate::explore;

/// The endpoints of the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /`: the name and version, for a person with a browser.
    About,
    /// `POST`: one of the four calls of the Mirror REST API.
    Call(Call),
    /// `GET /explore…`: a file of the page that shows what StackState would see.
    Explore(&'static explore::File),
}

/// The four calls of the Mirror REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `/api/connection`
    Connection,
    /// `/api/field/name`
    FieldNames,
    /// `/api/field/value`
    FieldValues,
    /// `/api/metric`
    Metrics,
}

/// Why no endpoint serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteError {
    /// No endpoint has this path.
    NotFound,
    /// The endpoint at this path has another method.
    MethodNotAllowed {
        /// The method of the endpoint.
        allow: &'static str,
    },
}

impl Endpoint {
    /// The endpoint with this method and path.
    ///
    /// Doubled and trailing slashes are ignored, because a Mirror URL may end in a slash.
    /// At most `base` segments at the beginning are ignored, too.
    /// `stage` is the API Gateway stage of the event. The paths of HTTP APIs begin with it, those
    /// of REST APIs do not ("Payload format version", API Gateway developer guide). `has_explorer`
    /// tells whether the mirror has the page at `/explore`.
    ///
    /// # Errors
    /// No endpoint has this path, or it has another method.
    pub fn find(
        method: &str,
        path: &str,
        base: usize,
        stage: Option<&str>,
        has_explorer: bool,
    ) -> Result<Endpoint, RouteError> {
        let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let endpoint = (0..=base)
            .find_map(|base| Endpoint::at(segments.get(base..)?))
            .or_else(|| match segments.split_first() {
                Some((first, rest)) if Some(*first) == stage => Endpoint::at(rest),
                _ => None,
            })
            .filter(|endpoint| has_explorer || !matches!(endpoint, Endpoint::Explore(_)))
            .ok_or(RouteError::NotFound)?;
        let allow = match endpoint {
            Endpoint::About | Endpoint::Explore(_) => "GET",
            Endpoint::Call(_) => "POST",
        };
        if method == allow { Ok(endpoint) } else { Err(RouteError::MethodNotAllowed { allow }) }
    }

    fn at(segments: &[&str]) -> Option<Endpoint> {
        match segments {
            [] => Some(Endpoint::About),
            ["api", "connection"] => Some(Endpoint::Call(Call::Connection)),
            ["api", "field", "name"] => Some(Endpoint::Call(Call::FieldNames)),
            ["api", "field", "value"] => Some(Endpoint::Call(Call::FieldValues)),
            ["api", "metric"] => Some(Endpoint::Call(Call::Metrics)),
            ["explore", rest @ ..] => explore::file(rest).map(Endpoint::Explore),
            _ => None,
        }
    }

    /// The name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::About => "about",
            Endpoint::Call(Call::Connection) => "connection",
            Endpoint::Call(Call::FieldNames) => "field/name",
            Endpoint::Call(Call::FieldValues) => "field/value",
            Endpoint::Call(Call::Metrics) => "metric",
            Endpoint::Explore(_) => "explore",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRICS: Result<Endpoint, RouteError> = Ok(Endpoint::Call(Call::Metrics));
    const NOT_FOUND: Result<Endpoint, RouteError> = Err(RouteError::NotFound);

    #[test]
    fn paths_match_endpoints() {
        let post_only = Err(RouteError::MethodNotAllowed { allow: "POST" });
        let get_only = Err(RouteError::MethodNotAllowed { allow: "GET" });
        for (method, path, stage, expected) in [
            ("POST", "/api/connection", None, Ok(Endpoint::Call(Call::Connection))),
            ("POST", "/api/field/name", None, Ok(Endpoint::Call(Call::FieldNames))),
            ("POST", "/api/field/value", None, Ok(Endpoint::Call(Call::FieldValues))),
            ("POST", "/api/metric", None, METRICS),
            ("POST", "//api/metric", None, METRICS),
            ("POST", "/api//metric//", None, METRICS),
            ("POST", "/prod/api/metric", Some("prod"), METRICS),
            ("POST", "/api/metric", Some("prod"), METRICS),
            ("POST", "/api/api/metric", Some("api"), METRICS),
            ("POST", "/api/metric", Some("api"), METRICS),
            ("POST", "/prod/prod/api/metric", Some("prod"), NOT_FOUND),
            ("POST", "/dev/api/metric", Some("prod"), NOT_FOUND),
            ("POST", "/prod/api/metric", None, NOT_FOUND),
            ("POST", "/API/metric", None, NOT_FOUND),
            ("POST", "/api/metrics", None, NOT_FOUND),
            ("POST", "/api", None, NOT_FOUND),
            ("POST", "/api/metric/x", None, NOT_FOUND),
            ("POST", "/api/%6detric", None, NOT_FOUND),
            ("GET", "/api/metric", None, post_only),
            ("OPTIONS", "/api/field/name/", None, post_only),
            ("GET", "/", None, Ok(Endpoint::About)),
            ("GET", "", None, Ok(Endpoint::About)),
            ("GET", "/prod/", Some("prod"), Ok(Endpoint::About)),
            ("POST", "/", None, get_only),
            ("HEAD", "/", None, get_only),
        ] {
            let found = Endpoint::find(method, path, 0, stage, true);
            assert_eq!(found, expected, "{method} {path} {stage:?}");
        }
    }

    #[test]
    fn the_page_has_paths_only_if_it_is_on() {
        for (method, path, name) in [
            ("GET", "/explore", Some(&[][..])),
            ("GET", "//explore/", Some(&[])),
            ("GET", "/prod/explore/page.js", Some(&["page.js"])),
            ("GET", "/explore/uplot/uPlot.iife.min.js", Some(&["uplot", "uPlot.iife.min.js"])),
            ("GET", "/explore/uplot", None),
            ("GET", "/explore/mod.rs", None),
            ("GET", "/explore/../page.js", None),
        ] {
            let find = |has_explorer| Endpoint::find(method, path, 0, Some("prod"), has_explorer);
            let file = name.map(|name| explore::file(name).unwrap());
            assert_eq!(
                find(true),
                file.map(Endpoint::Explore).ok_or(RouteError::NotFound),
                "{path}"
            );
            assert_eq!(find(false), NOT_FOUND, "{path}");
        }
        let find = |has_explorer| Endpoint::find("POST", "/explore", 0, None, has_explorer);
        assert_eq!(find(true), Err(RouteError::MethodNotAllowed { allow: "GET" }));
        assert_eq!(find(false), NOT_FOUND);
    }
}
