//! Each operator against its definition.
