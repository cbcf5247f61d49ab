//! Black-box stories on the real binaries. One binary, so that it links once; a story a module.

mod forecast;
mod tidy;
