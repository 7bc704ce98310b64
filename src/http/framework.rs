//! Failures that the framework raises before or beside a handler, as problem documents.

use poem::error::{CorsError, MethodNotAllowedError, NotFoundError};
use poem::http::StatusCode;
use poem::{Error, IntoResponse, Response};
use poem_openapi::error::ParseParamError;

use crate::http::problem::Problem;

/// The answer to a request that ended in an error: what a handler chose to say, else a problem document.
pub async fn answer(error: Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    problem_of(&error).into_response()
}

/// The answer to a request whose handler panicked; the panic itself is already on standard error.
pub fn answer_to_panic() -> Response {
    tracing::error!("the handler of a request panicked");
    internal().into_response()
}

fn problem_of(error: &Error) -> Problem {
    if let Some(bad) = error.downcast_ref::<ParseParamError>() {
        return Problem::bad_parameter(bad.name, format!("{} {}", bad.name, in_words(&bad.reason)));
    }
    if error.is::<NotFoundError>() {
        return Problem::new(
            StatusCode::NOT_FOUND,
            "there is nothing at this path; /docs lists what there is",
        );
    }
    if error.is::<MethodNotAllowedError>() {
        return Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path does not answer this method; /docs lists those that it does",
        );
    }
    if error.is::<CorsError>() {
        let detail = format!("{error}; the setting CORS_ORIGINS says which web origins are served");
        return Problem::new(StatusCode::FORBIDDEN, detail);
    }
    match error.status() {
        status if status.is_client_error() => Problem::new(status, error.to_string()),
        status => {
            tracing::error!(%error, %status, "a request failed");
            internal()
        }
    }
}

fn internal() -> Problem {
    let detail = "the request could not be answered; the log of the service says why";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

/// What poem-openapi says about a parameter, as the rest of a sentence that starts with its name.
fn in_words(reason: &str) -> String {
    if let Some(limit) = reason.strip_prefix("verification failed. ") {
        return limit_in_words(limit).unwrap_or_else(|| format!("breaks the rule {limit}"));
    }
    if let Some((_, choices)) = reason.split_once(": must be one of ") {
        return format!("must be one of {choices}");
    }
    let wanted = [
        ("integer", "a whole number"),
        ("number", "a number"),
        ("boolean", "true or false"),
        ("date-time", "a time such as 2026-11-22T08:00:00Z; the + of an offset is written %2B"),
    ];
    let named = |kind: &str| reason.contains(&format!("\"{kind}")) || reason.contains(&format!("_{kind}"));
    match wanted.iter().find(|(kind, _)| named(kind)) {
        Some((_, words)) => format!("must be {words}"),
        None => format!("cannot be used: {reason}"),
    }
}

/// `maximum(100, exclusive: false)` as `must be at most 100`; `None` for a rule that is not known here.
fn limit_in_words(limit: &str) -> Option<String> {
    let (rule, rest) = limit.split_once('(')?;
    let number = rest.split([',', ')']).next()?;
    let words = match rule {
        "maximum" => format!("must be at most {number}"),
        "minimum" => format!("must be at least {number}"),
        "maxLength" => format!("must have at most {number} characters"),
        "minLength" => format!("must have at least {number} characters"),
        "maxItems" => format!("may be given at most {number} times"),
        _ => return None,
    };
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parameter::Given;
    use chrono::{DateTime, Utc};
    use poem::http::Method;
    use poem::{Endpoint, EndpointExt, Request, Route};
    use poem_openapi::param::Query;
    use poem_openapi::payload::PlainText;
    use poem_openapi::{Enum, OpenApi, OpenApiService};
    use serde_json::Value;

    struct Probe;

    #[derive(Debug, Enum)]
    #[oai(rename_all = "snake_case")]
    enum Shade {
        Light,
        VeryDark,
    }

    #[OpenApi]
    impl Probe {
        #[oai(path = "/probe", method = "get")]
        #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
        async fn probe(
            &self,
            #[oai(validator(maximum(value = "100"), minimum(value = "1")))] size: Query<Option<u32>>,
            #[oai(validator(minimum(value = "0")))] price: Query<Given<f64>>,
            shade: Query<Given<Shade>>,
            fuzzy: Query<Option<bool>>,
            #[oai(default, validator(max_items = 2))] brand: Query<Vec<String>>,
            from: Query<Given<DateTime<Utc>>>,
        ) -> PlainText<String> {
            let (price, shade, from) = (price.0.0, shade.0.0, from.0.0);
            PlainText(format!("{:?} {price:?} {shade:?} {:?} {:?} {from:?}", size.0, fuzzy.0, brand.0))
        }
    }

    async fn problem(method: Method, path: &str) -> (u16, Value) {
        let service = OpenApiService::new(Probe, "probe", "1");
        let endpoint = Route::new().nest("/", service).catch_all_error(answer);
        let request = Request::builder().method(method).uri(path.parse().unwrap()).finish();
        let response = endpoint.get_response(request).await;
        let status = response.status().as_u16();
        assert_eq!(response.content_type(), Some("application/problem+json"), "{path}");
        (status, serde_json::from_str(&response.into_body().into_string().await.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn a_bad_parameter_is_named_with_what_is_allowed() {
        let expected = [
            ("size=101", "size", "size must be at most 100"),
            ("size=0", "size", "size must be at least 1"),
            ("size=-1", "size", "size must be a whole number"),
            ("size=ten", "size", "size must be a whole number"),
            ("size=99999999999999999999", "size", "size must be a whole number"),
            ("price=cheap", "price", "price must be a number"),
            ("price=NaN", "price", "price must be at least 0"),
            ("shade=grey", "shade", "shade must be one of light, very_dark"),
            ("shade=Light", "shade", "shade must be one of light, very_dark"),
            ("fuzzy=maybe", "fuzzy", "fuzzy must be true or false"),
            (
                "from=2026-11-22",
                "from",
                "from must be a time such as 2026-11-22T08:00:00Z; the + of an offset is written %2B",
            ),
            ("brand=a&brand=b&brand=c", "brand", "brand may be given at most 2 times"),
        ];
        for (query, parameter, detail) in expected {
            let (status, problem) = problem(Method::GET, &format!("/probe?{query}")).await;
            assert_eq!(status, 400, "{query}");
            assert_eq!((&problem["parameter"], &problem["detail"]), (&parameter.into(), &detail.into()));
        }
    }

    #[tokio::test]
    async fn an_empty_parameter_counts_as_not_given() {
        let endpoint = Route::new().nest("/", OpenApiService::new(Probe, "probe", "1"));
        for (query, expected) in [
            ("price=&shade=", "None None None None [] None"),
            ("price=1.5&shade=very_dark", "None Some(1.5) Some(VeryDark) None [] None"),
        ] {
            let request = Request::builder().uri(format!("/probe?{query}").parse().unwrap()).finish();
            let answer = endpoint.get_response(request).await.into_body().into_string().await.unwrap();
            assert_eq!(answer, expected, "{query}");
        }
    }

    #[tokio::test]
    async fn an_unknown_path_and_a_wrong_method_are_problems_too() {
        let (status, body) = problem(Method::GET, "/nowhere").await;
        assert_eq!((status, &body["title"]), (404, &"Not found".into()));
        let (status, body) = problem(Method::DELETE, "/probe").await;
        assert_eq!((status, &body["title"]), (405, &"Method not allowed".into()));
    }
}
