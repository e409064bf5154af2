// expect: none
// item: 1
import type { Knex } from "knex";

// A counter of page views is no quota: nothing is bought with it.
export async function countView(knex: Knex, articleId: string) {
  const article = await knex("articles").where({ id: articleId }).first();
  await knex("articles").where({ id: articleId }).update({ views: article.views + 1 });
}
