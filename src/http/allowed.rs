//! Which methods a path answers: the header `Allow` of an answer that says *method not allowed*.

use std::sync::Arc;

use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};
use serde_json::Value;

/// The methods of every path of an API.
#[derive(Debug, Clone)]
pub struct Allowed(Arc<[(Vec<String>, HeaderValue)]>);

impl Allowed {
    /// As an OpenAPI document has them; without a path where the text is no such document.
    pub fn of(spec: &str) -> Self {
        let spec: Value = serde_json::from_str(spec).unwrap_or_default();
        let paths = spec["paths"].as_object().into_iter().flatten();
        Self(paths.filter_map(|(path, item)| Some((segments(path), methods(item)?))).collect())
    }

    /// States what is allowed in an answer that refuses a method.
    pub fn state(&self, path: &str, mut answer: Response) -> Response {
        if answer.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Some(methods) = self.methods(path)
        {
            answer.headers_mut().insert(header::ALLOW, methods);
        }
        answer
    }

    fn methods(&self, path: &str) -> Option<HeaderValue> {
        let wanted = segments(path);
        let fits = |known: &[String]| {
            let mut both = known.iter().zip(&wanted);
            known.len() == wanted.len()
                && both.all(|(known, wanted)| known.starts_with('{') || known == wanted)
        };
        self.0.iter().find(|(known, _)| fits(known)).map(|(_, methods)| methods.clone())
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn methods(item: &Value) -> Option<HeaderValue> {
    let names = item.as_object()?.keys().map(|name| name.to_uppercase());
    // What can be got is also told without its body.
    let names = names.flat_map(|name| if name == "GET" { vec![name, "HEAD".to_owned()] } else { vec![name] });
    HeaderValue::from_str(&names.collect::<Vec<_>>().join(", ")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Problem;
    use poem::IntoResponse;

    fn stated(path: &str, status: StatusCode) -> Option<String> {
        let spec = r#"{"paths":{"/search":{"get":{}},"/rules/{id}":{"put":{},"delete":{}}}}"#;
        let answer = Allowed::of(spec).state(path, Problem::new(status, "no").into_response());
        answer.header(header::ALLOW).map(str::to_owned)
    }

    #[test]
    fn a_refused_method_is_answered_with_those_that_the_path_has() {
        let refused = |path| stated(path, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused("/search").as_deref(), Some("GET, HEAD"));
        assert_eq!(refused("/rules/summer").as_deref(), Some("DELETE, PUT"));
        assert_eq!(stated("/rules/summer", StatusCode::NOT_FOUND), None);
    }
}
