# The service alone: its database, Redis and collector are others' images (docker-compose.yml).
FROM node:24-bookworm-slim AS packages
WORKDIR /service
COPY package.json package-lock.json .npmrc ./
# The optional packages bring a Node of their own for machines that have an old one.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /service
COPY --from=packages /service/node_modules ./node_modules
COPY package.json ./
COPY migrations ./migrations
COPY bin ./bin
COPY deploy/make-secrets.mjs ./deploy/make-secrets.mjs
COPY src ./src
# Owned by root and run by another: the service can't change its own code.
USER node
EXPOSE 50051 9464
# Node runs the sources as they are. SIGTERM drains: give it longer than DRAIN_TIMEOUT_SECONDS.
STOPSIGNAL SIGTERM
CMD ["node", "src/main.ts"]
