//! Results for people and for CI: merge-request text, JUnit, Terraform widget, JSON.
