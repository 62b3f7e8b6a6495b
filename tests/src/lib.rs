//! Support for the tests of the workspace: sites, annotations, golden files.
