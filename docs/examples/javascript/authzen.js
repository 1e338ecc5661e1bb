// Asks a decision point of AuthZEN 1.0, as Bailiwick is one. Copy it into your application. Whatever is not a decision of true is
// a denial: another status, no answer in time, an answer that can't be read.

const mostEvaluations = 100;

export class AuthZEN {
  // url has no slash at its end. token is called for each request: it returns a key, or what is in the file of a
  // ServiceAccount's token now. timeout is in milliseconds.
  constructor({ url, token, timeout = 1000 }) {
    Object.assign(this, { url, token, timeout });
  }

  // allowed answers one question: { subject, action, resource, context }. It rejects where there is no answer.
  async allowed(question) {
    return (await this.post("/access/v1/evaluation", question)).decision === true;
  }

  // allowedAll answers several questions that have something in common, in their order, as for a menu.
  async allowedAll(shared, each) {
    const allowed = [];
    for (let begin = 0; begin < each.length; begin += mostEvaluations) {
      const evaluations = each.slice(begin, begin + mostEvaluations);
      const answer = await this.post("/access/v1/evaluations", { ...shared, evaluations });
      if (answer.evaluations?.length !== evaluations.length) {
        throw new Error(`${evaluations.length} questions have ${answer.evaluations?.length} answers`);
      }
      allowed.push(...answer.evaluations.map(({ decision }) => decision === true));
    }
    return allowed;
  }

  // resources finds what the subject may do the action with: objects by name, and what else is allowed, which where makes SQL of.
  async resources(question) {
    const results = [];
    for (let page; ; ) {
      const answer = await this.post("/access/v1/search/resource", { ...question, page });
      if (answer.context?.error) {
        throw new Error(`the decision point says: ${answer.context.error.message}`);
      }
      results.push(...answer.results);
      if (!answer.page.next_token) {
        return { results, context: answer.context ?? {} };
      }
      page = { token: answer.page.next_token };
    }
  }

  async post(path, question) {
    const response = await fetch(this.url + path, {
      method: "POST",
      headers: { authorization: `Bearer ${await this.token()}`, "content-type": "application/json" },
      body: JSON.stringify(question),
      signal: AbortSignal.timeout(this.timeout),
    });
    if (response.status !== 200) {
      throw new Error(`asking for a decision: ${response.status}: ${await response.text()}`);
    }
    return response.json();
  }

  // protect is middleware of Express: it lets a request through if what it is about is allowed. question returns nothing for a
  // request that shows no user.
  protect(question) {
    return async (request, response, next) => {
      const asked = question(request);
      if (!asked) {
        response.status(401).send("sign in first");
        return;
      }
      const allowed = await this.allowed(asked).catch((error) => {
        console.warn(`denied, since there is no decision: ${error.message}`);
        return false;
      });
      if (!allowed) {
        response.status(403).send("you may not do this");
        return;
      }
      next();
    };
  }
}
