//! Profiles of compliance controls in KDL, decoded to checks.
