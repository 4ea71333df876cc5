// SPDX-License-Identifier: GPL-2.0

//! Intel Dynamic Load Balancer driver.
#![deny(unsafe_code)]

use kernel::prelude::*;

mod desc;
#[allow(unsafe_code)]
mod glue;

module! {
    type: Module,
    name: "dlb",
    authors: ["The dlb developers"],
    description: "Intel Dynamic Load Balancer",
    license: "GPL",
}

struct Module;

impl kernel::Module for Module {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Module)
    }
}
