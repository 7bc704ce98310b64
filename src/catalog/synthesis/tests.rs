use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::model::money::Cents;

/// Read once: thousands of cases need it.
static TAXONOMY: LazyLock<Arc<Taxonomy>> = LazyLock::new(|| Arc::new(Taxonomy::built_in().unwrap()));

fn catalogue(seed: u64) -> Catalogue {
    Catalogue { taxonomy: Arc::clone(&TAXONOMY), seed, currency: Currency::EUR }
}

/// Whether the attribute can have the value.
fn allows(attribute: &Attribute, value: &str) -> bool {
    match attribute {
        Attribute::Listed(choices) => choices.iter().any(|choice| choice.text == value),
        Attribute::Range { from, to, unit, .. } => {
            let number = value.strip_suffix(&format!(" {unit}")).and_then(|number| number.parse().ok());
            number.is_some_and(|number: u32| (from..=to).contains(&&number))
        }
        Attribute::Made(Maker::Person) => value.split(' ').count() >= 2,
    }
}

#[test]
fn every_category_has_its_share_in_a_small_catalogue_too() {
    let catalogue = catalogue(42);
    let total: f64 = catalogue.taxonomy.leaves.iter().map(|leaf| leaf.share).sum();
    let mut counts: BTreeMap<_, f64> = BTreeMap::new();
    for product in catalogue.products(1..=2_000) {
        *counts.entry(product.category).or_default() += 1.0;
    }
    for leaf in catalogue.taxonomy.leaves.iter() {
        let expected = 2_000.0 * leaf.share / total;
        let found = counts.get(&Some(leaf.category.path.clone())).copied().unwrap_or_default();
        assert!((found - expected).abs() <= 4.0, "{}: {found}, not {expected}", leaf.category.path);
    }
}

#[test]
fn names_are_seldom_the_same() {
    let products: Vec<Product> = catalogue(42).products(1..=20_000).collect();
    let names: BTreeSet<&str> = products.iter().map(|product| product.name.as_str()).collect();
    assert!(names.len() * 100 >= products.len() * 97, "{} of {}", names.len(), products.len());
}

#[test]
fn more_memory_costs_more() {
    let catalogue = catalogue(1);
    let mean = |memory: &str| {
        let of_memory =
            |product: &Product| product.attributes.get("memory").is_some_and(|m| m.to_text() == memory);

        let prices: Vec<f64> = catalogue
            .products(1..=20_000)
            .filter(|product| {
                product.category.as_ref().is_some_and(|path| path.as_str() == "electronics.computers.laptops")
                    && of_memory(product)
            })
            .filter_map(|product| product.price_cents.map(Cents::to_major))
            .collect();
        prices.iter().sum::<f64>() / prices.len() as f64
    };
    assert!(mean("8 GB") < mean("16 GB") && mean("16 GB") < mean("32 GB"));
}

#[test]
fn a_product_reads_like_one_of_a_shop() {
    insta::assert_json_snapshot!(catalogue(42).product(1), @r#"
    {
      "id": "p-00000001",
      "name": "Kinetra Dome Cycling Helmet for Children, standard protection, S, Red",
      "description": "Dome is light and well aired. A wheel at the back sets the width. Pads come out for washing. Tested outdoors, not only in the lab.",
      "category": "sports.cycling.helmets",
      "category_label": "Bicycle helmets",
      "brand": "Kinetra",
      "price_cents": 3799,
      "currency": "EUR",
      "attributes": {
        "colour": "red",
        "for": "children",
        "light": "without light",
        "protection": "standard",
        "size": "S"
      },
      "rating": 5.0,
      "review_count": 14,
      "stock": 88,
      "image": "helmets-00000001.webp",
      "popularity": 0.000175,
      "created_at": "2025-07-08T13:39:12.816Z"
    }
    "#);
}

proptest! {
    #[test]
    fn every_product_is_one_of_its_category(seed: u64, number in 1_u64..=1_000_000) {
        let catalogue = catalogue(seed);
        let product = catalogue.product(number);
        let is_its_leaf = |leaf: &&Leaf| Some(&leaf.category.path) == product.category.as_ref();
        let leaf = catalogue.taxonomy.leaves.iter().find(is_its_leaf).unwrap();
        prop_assert_eq!(product.category_label.as_ref(), Some(&leaf.category.label));
        prop_assert!(leaf.brands.iter().any(|brand| Some(&brand.text) == product.brand.as_ref()));
        prop_assert!(product.price_cents > Some(Cents(0)));
        let names: Vec<_> = product.attributes.keys().collect();
        prop_assert_eq!(names, leaf.category.attributes.keys().collect::<Vec<_>>());
        for (name, value) in &product.attributes {
            prop_assert!(allows(&leaf.category.attributes[name], &value.to_text()), "{}: {:?}", name, value);
        }
        for text in [Some(&product.name), product.description.as_ref()].into_iter().flatten() {
            prop_assert!(!text.contains(['{', '}', '^', '#']) && !text.contains("  "), "{}", text);
        }
    }

    #[test]
    fn a_product_depends_on_its_seed_and_its_number_alone(seed: u64, number in 1_u64..1_000, more in 0_u64..20) {
        let whole: Vec<Product> = catalogue(seed).products(number..=number + more).collect();
        prop_assert_eq!(&whole[0], &catalogue(seed).product(number));
        prop_assert_ne!(&whole[0].name, &catalogue(seed.wrapping_add(1)).product(number + 1).name);
    }
}
