// Made from the Python records by tests/app/ui/records.py.

export interface GeneratedImage {
  id: string;
  url: string;
  path: string;
  seed: number;
  settings: Record<string, any>;
  nfe: number;
  seconds: number;
  note: string | null;
}

export interface JobView {
  id: string;
  kind: string;
  family: string;
  status: string;
  title: string;
  settings: Record<string, any>;
  version: number;
  step: number;
  total: number;
  calls: number;
  ms_per_call: number | null;
  seconds: number;
  seconds_left: number | null;
  note: string;
  error: string | null;
  x_t: Array<string>;
  x0: Array<string>;
  t: number | null;
  sigma: number | null;
  shots: Array<GeneratedImage>;
  frames: number;
  grid_id: string | null;
}

export interface Frame {
  step: number;
  total: number;
  t: number;
  sigma: number;
  calls: number;
  x_t: Array<string>;
  x0: Array<string>;
  field: Array<string>;
  numbers: Array<Record<string, string>>;
  formula: string;
}

export interface Trajectories {
  t: Array<number>;
  values: Array<Array<Array<number>>>;
  slopes: Array<Array<Array<number>>>;
}

export interface Picture {
  id: string;
  url: string;
  created: string;
  family: string;
  model: string;
  sampler: string;
  steps: number;
  seed: number;
  prompt: string;
  settings: Record<string, any>;
  facts: Record<string, string>;
  deleted: boolean;
  missing: boolean;
  process: boolean;
  grid: string | null;
  amount: string;
}

export interface Examined {
  bits_per_dim: number;
  bits_per_dim_se: number;
  log_p: number;
  log_p_se: number;
  draws: number;
  likelihood_calls: number;
  encode_calls: number;
  seconds: number;
  picture: string;
  noise: string;
  back: string;
  noise_std: number;
  difference: number;
  note: string | null;
  said: Record<string, string>;
}

export interface TokenTrace {
  p: Array<number>;
  top: Array<Array<number>>;
  top_p: Array<Array<number>>;
  words: Array<string>;
  attention: Array<Array<number>>;
}

export interface CodeView {
  codes: Array<Array<number>>;
  decoded: string;
  picture: string | null;
  psnr: number | null;
  thought: TokenTrace | null;
  model: string;
}

export interface Codebook {
  tiles: Array<string>;
  usage: Array<number>;
  colours: Array<string>;
}

export interface Film {
  pictures: Array<string>;
  captions: Array<string>;
}
