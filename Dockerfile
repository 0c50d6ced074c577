# An image with nothing but the program, which runs as an ordinary user on a read-only root:
#
#   docker build -t bestiary .
#   docker run --rm --read-only --tmpfs /tmp -v ./runs:/runs bestiary info pets
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /bestiary ./cmd/bestiary && mkdir /empty

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /bestiary /usr/bin/bestiary
# A new volume gets the owner of this folder, uid 65532.
COPY --from=build --chown=65532:65532 /empty /runs
# nonroot, as a number: Kubernetes checks runAsNonRoot by it.
USER 65532:65532
WORKDIR /runs
VOLUME /runs
ENV XDG_CACHE_HOME=/tmp
ENTRYPOINT ["/usr/bin/bestiary"]
CMD ["--help"]
