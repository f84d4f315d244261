# Koi in one image: a binary, its certificates and a directory for data.

FROM node:20-bookworm AS web
WORKDIR /web
COPY app/web/ ./
RUN npm ci && npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /web/dist app/web/dist
ARG VERSION=unknown
# cgo: SQLite is compiled in; the binary needs no more than the C library of the image below.
RUN CGO_ENABLED=1 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /koi ./cmd/koi \
 && mkdir /data

FROM debian:bookworm-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /koi /usr/local/bin/koi
# Nobody's files but Koi's: the directory is 0700 of an unprivileged user.
COPY --from=build --chown=10001:10001 --chmod=0700 /data /data
USER 10001:10001
VOLUME /data
ENV KOI_DATA_DIR=/data KOI_LISTEN=0.0.0.0:8080
EXPOSE 8080
# Shutdown: doors close, the batch ends, what is being sent is finished, within 10 s.
STOPSIGNAL SIGTERM
ENTRYPOINT ["koi"]
CMD ["serve"]
