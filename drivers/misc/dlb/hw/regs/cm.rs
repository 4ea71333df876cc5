// SPDX-License-Identifier: GPL-2.0

//! CM: the configuration master.

use super::*;

register! {
    unit Cm in Csr;

    /// Progress of a reset.
    pub CM_DIAG_RESET_STS(u32) @ 0xb4000000 | 0xa4000000 = 0x80000bff {
        /// The reset of CHP is done.
        0:0 chp_pf_reset_done;
        /// The reset of the reorder pipe is done.
        1:1 rop_pf_reset_done;
        /// The reset of LSP is done.
        2:2 lsp_pf_reset_done;
        /// The reset of NALB is done.
        3:3 nalb_pf_reset_done;
        /// The reset of the atomic pipe is done.
        4:4 ap_pf_reset_done;
        /// The reset of the directed pipe is done.
        5:5 dp_pf_reset_done;
        /// The reset of QED is done.
        6:6 qed_pf_reset_done;
        /// The reset of DQED is done.
        7:7 dqed_pf_reset_done;
        /// The reset of AQED is done.
        8:8 aqed_pf_reset_done;
        /// The reset of SYS is done.
        9:9 sys_pf_reset_done;
        /// A reset is under way.
        10:10 pf_reset_active;
        /// State of the FLR state machine.
        17:11 flrsm_state;
        /// The reset of the core is done.
        31:31 dlb_proc_reset_done;
    }

    /// Which units are idle. The device is ready when `dlb_func_idle` is set.
    pub CM_CFG_DIAGNOSTIC_IDLE_STATUS(u32) @ 0xb4000004 | 0xa4000004 = 0x9d0fffff {
        /// The pipe of CHP is idle.
        0:0 chp_pipeidle;
        /// The pipe of the reorder pipe is idle.
        1:1 rop_pipeidle;
        /// The pipe of LSP is idle.
        2:2 lsp_pipeidle;
        /// The pipe of NALB is idle.
        3:3 nalb_pipeidle;
        /// The pipe of the atomic pipe is idle.
        4:4 ap_pipeidle;
        /// The pipe of the directed pipe is idle.
        5:5 dp_pipeidle;
        /// The pipe of QED is idle.
        6:6 qed_pipeidle;
        /// The pipe of DQED is idle.
        7:7 dqed_pipeidle;
        /// The pipe of AQED is idle.
        8:8 aqed_pipeidle;
        /// The pipe of SYS is idle.
        9:9 sys_pipeidle;
        /// The unit CHP is idle.
        10:10 chp_unit_idle;
        /// The unit the reorder pipe is idle.
        11:11 rop_unit_idle;
        /// The unit LSP is idle.
        12:12 lsp_unit_idle;
        /// The unit NALB is idle.
        13:13 nalb_unit_idle;
        /// The unit the atomic pipe is idle.
        14:14 ap_unit_idle;
        /// The unit the directed pipe is idle.
        15:15 dp_unit_idle;
        /// The unit QED is idle.
        16:16 qed_unit_idle;
        /// The unit DQED is idle.
        17:17 dqed_unit_idle;
        /// The unit AQED is idle.
        18:18 aqed_unit_idle;
        /// The unit SYS is idle.
        19:19 sys_unit_idle;
        /// The configuration ring is idle.
        24:24 mstr_cfg_ring_idle;
        /// The configuration master is idle.
        25:25 mstr_cfg_mstr_idle;
        /// Clock request of the FLR logic, active low.
        26:26 mstr_flr_clkreq_b;
        /// The core is idle.
        27:27 mstr_proc_idle;
        /// The core is idle, masked.
        28:28 mstr_proc_idle_masked;
        /// The function is idle.
        31:31 dlb_func_idle;
    }

    /// Power state. The device is ready when `pmsm` is 1.
    pub CM_CFG_PM_STATUS(u32) @ 0xb4000014 | 0xa4000014 = 0x100403e {
        /// Throttled by temperature.
        0:0 prochot;
        /// Power gating: the device is idle.
        1:1 pgcb_dlb_idle;
        /// Power gating: ready acknowledged, active low.
        2:2 pgcb_dlb_pg_rdy_ack_b;
        /// Power gating: request of the state machine, active low.
        3:3 pmsm_pgcb_req_b;
        /// Power gating: request to the controller, active low.
        4:4 pgbc_pmc_pg_req_b;
        /// Power gating: acknowledged by the controller, active low.
        5:5 pmc_pgcb_pg_ack_b;
        /// Power gating: switch enabled by the controller, active low.
        6:6 pmc_pgcb_fet_en_b;
        /// Power gating: switch enabled, active low.
        7:7 pgcb_fet_en_b;
        /// Fuse: always on.
        10:10 fuse_force_on;
        /// Fuse: the core is disabled.
        11:11 fuse_proc_disable;
        /// D0 to D3 is possible.
        14:14 pm_fsm_d0tod3_ok;
        /// D3 to D0 is possible.
        15:15 pm_fsm_d3tod0_ok;
        /// The device is in D3.
        16:16 dlb_in_d3;
        /// Power state machine; 1 = on.
        31:24 pmsm;
    }

    /// Keeps the core of the device off. Survives an FLR.
    pub CM_CFG_PM_PMCSR_DISABLE(u32) @ 0xb4000018 | 0xa4000018 = 0x1 {
        /// 1 = the core is off.
        0:0 disable;
    }

    /// Cycles with the clock on, lower half.
    pub CM_CLK_ON_CNT_L(u32) @ 0xb400001c | - {
        /// Count.
        31:0 count;
    }

    /// Cycles with the clock on, upper half.
    pub CM_CLK_ON_CNT_H(u32) @ 0xb4000020 | - {
        /// Count.
        31:0 count;
    }

    /// Cycles with the core on, lower half.
    pub CM_PROC_ON_CNT_L(u32) @ 0xb4000024 | - {
        /// Count.
        31:0 count;
    }

    /// Cycles with the core on, upper half.
    pub CM_PROC_ON_CNT_H(u32) @ 0xb4000028 | - {
        /// Count.
        31:0 count;
    }
}
