//! Tests against the real Elasticsearch and Kafka of `scripts/services up`.
//!
//! Each test is given a [`Shop`] of its own: a prefix that no other test has, so that they run in parallel.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests may, their helper functions too")]

mod analytics;
mod api;
mod audit;
mod audit_of_sums;
mod audit_of_told;
mod autocomplete;
mod bus;
mod catalog;
mod curation;
mod evaluate;
mod filters;
mod generations;
mod own_catalogue;
mod own_categories;
mod processor;
mod recount;
mod relevance;
mod replay;
mod rollup;
mod rules;
mod search;
mod searches;
mod shop;
mod small_log;
mod small_shop;
mod store;
mod synonyms;
mod traffic;
mod whole_way;
