# The image: dist/ and the production dependencies on a slim Node, as nobody, with nothing to write to but /data.
# deploy/rehearse.ts performs these steps without a container engine; it knows the instructions that stand here.

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build
# An empty folder, so that /data can be made without a shell below.
RUN mkdir data

FROM node:24.21.0-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim
WORKDIR /app
COPY --from=modules /app/node_modules ./node_modules
COPY --from=build /app/package.json ./package.json
COPY --from=build /app/dist ./dist
COPY --from=build /app/deploy/healthcheck.js ./deploy/healthcheck.js
COPY --from=build --chown=65534:65534 /app/data /data
ENV NODE_ENV=production HOST=0.0.0.0 PORT=10000 DATA_DIR=/data
USER 65534:65534
VOLUME /data
EXPOSE 10000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "deploy/healthcheck.js"]
CMD ["node", "dist/src/server.js"]
