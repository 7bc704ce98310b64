//! Parts of queries, put together without being copied: `json!` copies what is put into it, and a query is put into
//! others several times over.

use serde_json::Value;

/// An object with these members.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A query of this kind.
pub fn query<const N: usize>(kind: &str, members: [(&str, Value); N]) -> Value {
    object([(kind, object(members))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_query_is_what_json_would_make_of_it() {
        let inner = query("term", [("id", "p1".into())]);
        let outer = query("bool", [("must", vec![inner].into()), ("minimum_should_match", 1.into())]);
        assert_eq!(
            outer,
            json!({ "bool": { "must": [{ "term": { "id": "p1" } }], "minimum_should_match": 1 } })
        );
    }
}
