// expect: BG014
export const features = [
  { feature_id: "upscale", quota_cost: 2 },
  { feature_id: "preview", quota_cost: 0 },
];
