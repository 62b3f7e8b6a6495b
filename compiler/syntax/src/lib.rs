//! KDL text to located nodes: guard, parser, cursor, suggestions.
