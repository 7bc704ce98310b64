use std::collections::BTreeSet;

use super::*;

fn built_in() -> Taxonomy {
    Taxonomy::built_in().unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

#[test]
fn the_shop_has_sixty_categories_in_ten_departments() {
    let taxonomy = built_in();
    let paths: BTreeSet<_> = taxonomy.leaves.iter().map(|leaf| leaf.category.path.as_str()).collect();
    let departments: BTreeSet<_> =
        taxonomy.leaves.iter().map(|leaf| leaf.category.path.department()).collect();
    assert_eq!(paths.len(), taxonomy.leaves.iter().count(), "a path twice");
    assert!(paths.len() >= 60, "{} leaves", paths.len());
    assert!(departments.len() >= 10, "{} departments", departments.len());
    for path in &paths {
        assert!(!paths.iter().any(|other| other.starts_with(&format!("{path}."))), "{path} is not a leaf");
    }
}

#[test]
fn a_department_s_file_holds_the_department_alone() {
    for (name, content) in FILES {
        for leaf in Taxonomy::read(&[(name, content)]).unwrap().leaves.iter() {
            assert_eq!(leaf.category.path.department(), *name);
        }
    }
}

#[test]
fn weights_factors_and_prices_are_positive() {
    for leaf in built_in().leaves.iter() {
        let Category { path, median, spread, attributes, .. } = &leaf.category;
        assert!(leaf.share > 0.0 && *median > 0.0 && (0.0..1.0).contains(spread), "{path}");
        let listed = attributes.values().filter_map(|attribute| match attribute {
            Attribute::Listed(choices) => Some(choices),
            Attribute::Range { .. } | Attribute::Made(_) => None,
        });
        for choice in listed.flat_map(NonEmpty::iter).chain(leaf.brands.iter()) {
            assert!(choice.weight > 0.0 && choice.price_factor > 0.0, "{path} {}", choice.text);
        }
    }
}

#[test]
fn values_are_listed_from_the_cheap_to_the_dear() {
    for leaf in built_in().leaves.iter() {
        for (name, attribute) in &leaf.category.attributes {
            let Attribute::Listed(choices) = attribute else { continue };
            let factors: Vec<_> = choices.iter().map(|choice| choice.price_factor).collect();
            assert!(factors.is_sorted(), "{} {name}: {factors:?}", leaf.category.path);
        }
    }
}

#[test]
fn a_gap_that_nothing_fills_is_refused() {
    let file = r#"{"share": 1, "brands": {"all": ["Acme"]}, "closings": ["Good."], "leaves": [{
        "path": "a.b", "label": "B", "share": 1, "brands": "all", "median": 10, "spread": 0.2,
        "models": ["One"], "attributes": {}, "names": ["{brand} {colour}"], "openings": ["A."], "details": []
    }]}"#;
    let error = Taxonomy::read(&[("a", file)]).unwrap_err();
    assert_eq!(error.to_string(), r#"a.b has no attribute "colour""#);
    let error = Taxonomy::read(&[("a", &file.replace(r#""brands": "all""#, r#""brands": "few""#))]);
    assert_eq!(error.unwrap_err().to_string(), r#"a.b has no brands "few""#);
}
