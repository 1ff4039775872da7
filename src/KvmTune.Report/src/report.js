import { plot } from "@observablehq/plot"; globalThis.p = plot;
