# The platform that builds compiles for the one that runs, without emulation. What comes out depends on the
# sources, on Go's version, and on the arguments.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=unknown
ARG COMMIT=unknown
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY config/rbac config/rbac
COPY config/webhook config/webhook
COPY controllers controllers
COPY internal internal
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /bailiwick ./cmd/bailiwick

# The program, and the certificate authorities for an external store: no shell, no libraries.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /bailiwick /bailiwick
USER 65532:65532
ENTRYPOINT ["/bailiwick"]
