//! Typed changes applied natively to the view of the layers below.
