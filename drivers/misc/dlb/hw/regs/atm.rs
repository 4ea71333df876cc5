// SPDX-License-Identifier: GPL-2.0

//! ATM: the atomic pipe.

use super::*;

register! {
    unit Atm in Csr;

    /// CQ slots that hold a queue, for the atomic pipe. Index: queue, CQ / 4.
    pub ATM_QID2CQIDIX(u32)[32, stride = 0x1000][16, stride = 0x80000] @ 0x30080000 {
        /// Bit n: slot n of CQ 4 * word + 0 holds the queue.
        7:0 cq_p0;
        /// Bit n: slot n of CQ 4 * word + 1 holds the queue.
        15:8 cq_p1;
        /// Bit n: slot n of CQ 4 * word + 2 holds the queue.
        23:16 cq_p2;
        /// Bit n: slot n of CQ 4 * word + 3 holds the queue.
        31:24 cq_p3;
    }

    /// Weights between priorities of ready atomic flows.
    pub ATM_CFG_ARB_WEIGHTS_RDY_BIN(u32) @ 0x34000004 = 0xfffefdfc {
        /// Weight of bin 0 (priorities 0 and 1).
        7:0 bin0;
        /// Weight of bin 1 (priorities 2 and 3).
        15:8 bin1;
        /// Weight of bin 2 (priorities 4 and 5).
        23:16 bin2;
        /// Weight of bin 3 (priorities 6 and 7).
        31:24 bin3;
    }

    /// Weights between priorities of atomic flows already scheduled to the CQ.
    pub ATM_CFG_ARB_WEIGHTS_SCHED_BIN(u32) @ 0x34000008 = 0xfffefdfc {
        /// Weight of bin 0 (priorities 0 and 1).
        7:0 bin0;
        /// Weight of bin 1 (priorities 2 and 3).
        15:8 bin1;
        /// Weight of bin 2 (priorities 4 and 5).
        23:16 bin2;
        /// Weight of bin 3 (priorities 6 and 7).
        31:24 bin3;
    }

    /// Performance monitor: first counter.
    pub ATM_SMON_ACTIVITYCNTR0(u32) @ 0x3c000050 {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub ATM_SMON_ACTIVITYCNTR1(u32) @ 0x3c000054 {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: first value to compare with.
    pub ATM_SMON_COMPARE0(u32) @ 0x3c000058 {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub ATM_SMON_COMPARE1(u32) @ 0x3c00005c {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: control.
    pub ATM_SMON_CFG0(u32) @ 0x3c000060 = 0x40000000 {
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
    pub ATM_SMON_CFG1(u32) @ 0x3c000064 {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: where the timer stops.
    pub ATM_SMON_MAX_TMR(u32) @ 0x3c000068 {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: timer.
    pub ATM_SMON_TMR(u32) @ 0x3c00006c {
        /// Timer value.
        31:0 timer;
    }
}
