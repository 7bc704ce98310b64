//! Whether the mapping of an index is the one that a build wants. Pure.

use serde_json::{Map, Value};

/// The first thing in which the mapping of an index is not the wanted one, as the end of a sentence; `None` when
/// nothing is. What Elasticsearch may write of a field besides what was asked for makes no difference.
pub fn difference(wanted: &Value, index: &Value) -> Option<String> {
    let is_compared = |key: &&String| !matches!(key.as_str(), "properties" | "_meta");
    let keys = [wanted, index].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let of_all = keys.filter(is_compared).find(|key| wanted[*key] != index[*key]);
    match of_all {
        Some(key) => Some(format!("{key} is {} instead of {}", index[key], wanted[key])),
        None => of_fields("", &wanted["properties"], &index["properties"]),
    }
}

fn of_fields(above: &str, wanted: &Value, index: &Value) -> Option<String> {
    let nothing = Map::new();
    let (wanted, index) = (wanted.as_object().unwrap_or(&nothing), index.as_object().unwrap_or(&nothing));
    if let Some(more) = index.keys().find(|name| !wanted.contains_key(*name)) {
        return Some(format!("there is a further field {above}{more}"));
    }
    wanted.iter().find_map(|(name, wanted)| {
        let path = format!("{above}{name}");
        match index.get(name) {
            Some(index) => of_field(&path, wanted, index),
            None => Some(format!("there is no field {path}")),
        }
    })
}

fn of_field(path: &str, wanted: &Value, index: &Value) -> Option<String> {
    let mut parameters = wanted.as_object().into_iter().flatten();
    let other = parameters.find(|(key, value)| {
        !matches!(key.as_str(), "fields" | "properties") && listed(value) != listed(&index[*key])
    });
    if let Some((key, value)) = other {
        return Some(format!("{key} of the field {path} is {} instead of {value}", index[key]));
    }
    let within = |key: &str| of_fields(&format!("{path}."), &wanted[key], &index[key]);
    within("fields").or_else(|| within("properties"))
}

/// One value may come back as a list of one.
fn listed(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::schema::Schema;

    fn wanted() -> Value {
        Schema::PRODUCTS.body()["mappings"].take()
    }

    fn changed(pointer: &str, value: Value) -> Option<String> {
        let mut index = wanted();
        let (above, key) = pointer.rsplit_once('/').unwrap();
        index.pointer_mut(above).unwrap()[key] = value;
        difference(&wanted(), &index)
    }

    #[test]
    fn a_mapping_as_elasticsearch_writes_it_is_the_same() {
        assert_eq!(changed("/_meta", json!({ "fingerprint": "x" })), None);
        assert_eq!(changed("/properties/name/copy_to", json!(["spelling"])), None);
        assert_eq!(changed("/properties/price_cents/store", json!(false)), None);
    }

    #[test]
    fn whatever_else_a_template_changes_is_told() {
        let told = |pointer: &str, value: Value| changed(pointer, value).unwrap();
        assert_eq!(
            told("/properties/price_cents/type", json!("keyword")),
            r#"type of the field price_cents is "keyword" instead of "long""#
        );
        assert_eq!(
            told("/properties/name/fields/folded/analyzer", json!("standard")),
            r#"analyzer of the field name.folded is "standard" instead of "folded""#
        );
        assert_eq!(told("/properties/more", json!({ "type": "keyword" })), "there is a further field more");
        assert_eq!(told("/properties/name/fields", json!({})), "there is no field name.folded");
        assert_eq!(
            told("/runtime", json!({ "price_cents": { "type": "keyword" } })),
            r#"runtime is {"price_cents":{"type":"keyword"}} instead of null"#
        );
    }
}
