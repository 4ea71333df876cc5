// SPDX-License-Identifier: GPL-2.0

//! Intel Dynamic Load Balancer driver.
#![deny(unsafe_code)]

use kernel::{
    driver::Registration,
    prelude::*,
    InPlaceModule, //
};

mod configfs;
mod debug;
mod desc;
mod device;
mod domain;
mod driver;
mod files;
#[allow(unsafe_code)]
mod glue;
// On the host this is a crate of its own, whose tests reach every item: hence `pub`, and items that
// the module itself has no use for.
#[allow(unreachable_pub, unused_imports)]
mod hw;
mod irq;
mod parse;
mod pf;
mod plan;
mod reset;
mod sriov;
mod sysfs;
mod vf;

module! {
    type: DlbModule,
    name: "dlb",
    authors: ["The dlb developers"],
    description: "Intel Dynamic Load Balancer",
    license: "GPL",
    params: {
        reset_timeout_s: u32 {
            default: 5,
            description: "Seconds that users of a device get to leave before it is reset",
        },
    },
}

/// How long users of a device get to leave before it is reset.
fn reset_timeout_s() -> u32 {
    *module_parameters::reset_timeout_s.value()
}

/// The module. The fields are dropped in this order: no device is bound when its files go.
#[pin_data]
struct DlbModule {
    #[pin]
    _configfs: configfs::Tree,
    #[pin]
    _driver: Registration<glue::pci::Adapter<driver::DlbDriver>>,
    _files: files::Registration,
    _statics: glue::statics::Ready,
}

impl InPlaceModule for DlbModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _statics: glue::statics::Ready::new(module)?,
            _files: files::Registration::new()?,
            _driver <- Registration::new(c"dlb", module),
            _configfs <- configfs::register(),
        })
    }
}
