//! shoplens: product search on Elasticsearch and real-time behaviour analytics on Kafka for an online shop.
//!
//! `ARCHITECTURE.md` is the map. Modules look down only: [`model`] and `config` ‹ `store`, `bus` ‹ `http` ‹
//! the slices ‹ `app`.
#![forbid(unsafe_code)]

pub mod analytics;
pub mod app;
pub mod audit;
pub mod bus;
pub mod catalog;
pub mod config;
pub mod curation;
pub mod evaluate;
pub mod generator;
pub mod http;
pub mod merchandising;
pub mod model;
pub mod relevance;
pub mod replay;
pub mod review;
pub mod rollup;
pub mod search;
pub mod shutdown;
pub mod stdout;
pub mod store;
pub mod stream;
pub mod traffic;
