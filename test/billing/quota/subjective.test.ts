import assert from "node:assert/strict";
import { isSubjective } from "../../../src/billing/quota/subjective.ts";

const OPINIONS = [
  "user dissatisfied",
  "USER_DISSATISFIED",
  "userDissatisfied",
  "customer-unhappy",
  "the customer is not satisfied with the picture",
  "unsatisfactory result",
  "Not happy with it",
  "bad review",
  "BAD_REVIEW",
  "got_bad_review",
  "negative feedback from the shop",
  "low rating",
  "one star",
  "1-star rating",
  "poor quality",
  "low_quality",
  "the quality is not good",
  "the picture looks ugly",
  "result was disappointing",
  "ugly",
  "user didn't like it",
  "User didn’t like the colours",
  "does not like the style",
  "he doesnt want it",
  "customer complained",
  "customer complaint",
  "customer changed their mind",
  "change of mind",
  "goodwill",
  "customer_request",
  "as goodwill",
  "refund on user request",
  "bad taste",
  "it is not to her taste",
  "subjective",
  "user wants a refund",
  "not as expected",
  "ｂａｄ　ｒｅｖｉｅｗ",
  "差评",
  "用户给了差评",
  "不满意",
  "客户不太满意",
  "用户不是很满意这张图",
  "客户不满",
  "不喜欢这个风格",
  "不好看",
  "难看",
  "太丑了",
  "有点丑",
  "效果不好",
  "效果很差",
  "效果一般",
  "效果实在太差",
  "质量差",
  "画质太差",
  "质量不行",
  "客户投诉",
  "用户后悔了",
  "不想要了",
  "用户要求退款",
  "不符合预期",
  "没达到预期",
  "很失望",
  "主观原因",
  "评价很低",
  "一星",
];

/** How pipelines tell their own faults. */
const FAULTS = [
  "",
  "quality check step timed out",
  "QUALITY_CHECK_FAILED",
  "quality-gate worker crashed",
  "upstream returned 503",
  "UPSTREAM_ERROR",
  "render node out of memory",
  "unlikely to recover, giving up",
  "unlinked file",
  "one review step failed",
  "review service unavailable",
  "score model crashed",
  "low score service timeout",
  "negative prompt encoder crashed",
  "user preference service failed",
  "customer request id 42 timed out",
  "user request 9f3 got no answer",
  "ffmpeg complains about the codec",
  "linter complained: missing file",
  "TypeError: a bytes-like object is required",
  "poor connection quality",
  "bad request",
  "bad image header",
  "bad output path",
  "result is wrong type",
  "1 retry left",
  "disk full",
  "task cancelled before start",
  "style transfer failed",
  "step render failed at frame 120",
  "feedback queue unreachable",
  "rating service timed out",
  "dislocated mesh",
  "质量检测步骤超时",
  "质量检查服务不可用",
  "效果渲染服务失败",
  "评价服务超时",
  "评分接口 500",
  "上游服务超时",
  "显存不足",
  "不满足前置条件",
  "任务开始前取消",
  "第一步失败",
  "图片上传失败",
  "结果回传失败",
  "内部错误",
];

describe("free words of a refund without a reason", () => {
  for (const words of OPINIONS) {
    it(`are an opinion: ${words}`, () => assert.equal(isSubjective(words), true));
  }
  for (const words of FAULTS) {
    it(`are no opinion: ${words === "" ? "none" : words}`, () => {
      assert.equal(isSubjective(words), false);
    });
  }

  it("are read in time that grows with their length only", () => {
    const long = ["user ", "not ", "不太", "_", "bad ", "quality is "].map((part) =>
      part.repeat(20_000 / part.length),
    );
    const startMs = performance.now();
    for (const words of long) isSubjective(words);
    assert.ok(performance.now() - startMs < 5_000);
  });
});
