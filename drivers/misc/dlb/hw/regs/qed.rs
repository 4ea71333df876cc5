// SPDX-License-Identifier: GPL-2.0

//! QED: storage of load-balanced elements.

use super::*;

register! {
    unit Qed in Csr;

    /// Performance monitor: first counter.
    pub QED_SMON_ACTIVITYCNTR0(u32) @ 0x7c000024 | - {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub QED_SMON_ACTIVITYCNTR1(u32) @ 0x7c000028 | - {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: first value to compare with.
    pub QED_SMON_COMPARE0(u32) @ 0x7c00002c | - {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub QED_SMON_COMPARE1(u32) @ 0x7c000030 | - {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: control.
    pub QED_SMON_CFG0(u32) @ 0x7c000034 | - = 0x40000000 {
        /// 1 = on.
        0:0 smon_enable;
        /// Trigger of the first counter.
        1:1 smon_0trigger_enable;
        /// Function of the first counter.
        6:4 smon0_function;
        /// The first counter compares.
        7:7 smon0_function_compare;
        /// Function of the second counter.
        10:8 smon1_function;
        /// The second counter compares.
        11:11 smon1_function_compare;
        /// Mode.
        15:12 smon_mode;
        /// Stop when a counter overflows.
        16:16 stopcounterovfl;
        /// Interrupt when a counter overflows.
        17:17 intcounterovfl;
        /// The first counter overflowed.
        18:18 statcounter0ovfl;
        /// The second counter overflowed.
        19:19 statcounter1ovfl;
        /// Stop when the timer overflows.
        20:20 stoptimerovfl;
        /// Interrupt when the timer overflows.
        21:21 inttimerovfl;
        /// The timer overflowed.
        22:22 stattimerovfl;
        /// Prescaler of the timer.
        28:24 timer_prescale;
        /// Version of the monitor.
        31:30 version;
    }

    /// Performance monitor: modes.
    pub QED_SMON_CFG1(u32) @ 0x7c000038 | - {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: where the timer stops.
    pub QED_SMON_MAX_TMR(u32) @ 0x7c00003c | - {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: timer.
    pub QED_SMON_TMR(u32) @ 0x7c000040 | - {
        /// Timer value.
        31:0 timer;
    }
}
