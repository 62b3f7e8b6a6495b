//! Diagnostics as data: places, labels, codes and their renderers.
