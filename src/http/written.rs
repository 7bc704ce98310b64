//! Answers that are written to JSON as they are. `poem_openapi`'s own `Json` first makes a tree of an answer, of a
//! thousand small parts for a page of products with its facets.

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::ToJSON;
use serde::Serialize;

/// A JSON answer. The value's [`Serialize`] must write what its schema says, which a test of each holds against
/// its [`ToJSON`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T>(pub T);

impl<T: ToJSON> Payload for Written<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        Json::<T>::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        poem::web::Json(self.0).into_response()
    }
}

impl<T: ToJSON + Serialize> ApiResponse for Written<T> {
    fn meta() -> MetaResponses {
        Json::<T>::meta()
    }

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }
}

/// What a test of each answer needs.
#[cfg(test)]
pub mod tests {
    use super::*;

    /// Fails unless an answer is written as its schema says.
    pub fn expect_written_as_described<T: ToJSON + Serialize>(answer: &T) {
        assert_eq!(Some(serde_json::to_value(answer).unwrap()), answer.to_json());
    }
}
