//! A thin client.
