"""The parts of a Pod that this node acts on, as typed objects.

Owns: parsing what the API server sends. Fields that the node ignores (securityContext, resources beyond the
downward API, scheduling) are not here. Must not be in it: decisions.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

RestartPolicy = Literal["Always", "OnFailure", "Never"]


class Part(BaseModel):
    """Anything inside a Pod; unknown fields are ignored, because API servers grow new ones."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class KeyRef(Part):
    """A key of a ConfigMap or a Secret."""

    name: str = ""
    key: str
    optional: bool = False


class FieldRef(Part):
    field_path: str


class ResourceFieldRef(Part):
    container_name: str = ""
    resource: str
    # The API server writes "0" for "not given", which means 1.
    divisor: str = "1"


class EnvSource(Part):
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class EnvVar(Part):
    name: str
    value: str = ""
    value_from: EnvSource | None = None


class WholeRef(Part):
    """A whole ConfigMap or Secret."""

    name: str = ""
    optional: bool = False


class EnvFrom(Part):
    prefix: str = ""
    config_map_ref: WholeRef | None = None
    secret_ref: WholeRef | None = None


class HttpHeader(Part):
    name: str
    value: str = ""


class HttpGet(Part):
    path: str = "/"
    port: int | str
    host: str = ""
    scheme: str = "HTTP"
    http_headers: tuple[HttpHeader, ...] = ()


class TcpSocket(Part):
    port: int | str
    host: str = ""


class Exec(Part):
    command: tuple[str, ...] = ()


class Sleep(Part):
    seconds: float = 0


class Action(Part):
    """What a probe or a lifecycle hook does; exactly one field is set."""

    exec: Exec | None = None
    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    sleep: Sleep | None = None
    grpc: dict[str, Any] | None = None


class Probe(Action):
    initial_delay_seconds: float = 0
    period_seconds: float = 10
    timeout_seconds: float = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: float | None = None


class Lifecycle(Part):
    post_start: Action | None = None
    pre_stop: Action | None = None


class VolumeMount(Part):
    name: str
    mount_path: str
    sub_path: str = ""
    sub_path_expr: str = ""


class ContainerPort(Part):
    name: str = ""
    container_port: int


class Resources(Part):
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}


class Container(Part):
    name: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: Resources = Resources()
    volume_mounts: tuple[VolumeMount, ...] = ()
    startup_probe: Probe | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    lifecycle: Lifecycle = Lifecycle()
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"
    restart_policy: str = ""

    def port_number(self, port: int | str) -> int:
        """A port by number or by the name that `ports` gives it; raises ValueError for an unknown name."""
        for candidate in self.ports:
            if candidate.name == port:
                return candidate.container_port
        try:
            return int(port)
        except ValueError:
            raise ValueError(f"container {self.name} has no port named {port!r}") from None


class KeyToPath(Part):
    key: str
    path: str
    mode: int | None = None


class KeyedFiles(Part):
    """Keys of a ConfigMap or Secret as files; `name` in a projected volume, `secretName` in a Secret volume."""

    name: str = ""
    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False
    default_mode: int | None = None

    @property
    def source(self) -> str:
        return self.name or self.secret_name


class DownwardFile(Part):
    path: str
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    mode: int | None = None


class DownwardFiles(Part):
    items: tuple[DownwardFile, ...] = ()
    default_mode: int | None = None


class TokenFile(Part):
    path: str
    audience: str = ""
    expiration_seconds: int = 3600


class ProjectedSource(Part):
    config_map: KeyedFiles | None = None
    secret: KeyedFiles | None = None
    downward_api: DownwardFiles | None = Field(None, alias="downwardAPI")
    service_account_token: TokenFile | None = None


class Projected(Part):
    sources: tuple[ProjectedSource, ...] = ()
    default_mode: int | None = None


class Volume(Part):
    """A volume; one with none of the fields set is of a kind that this node has not."""

    name: str
    config_map: KeyedFiles | None = None
    secret: KeyedFiles | None = None
    downward_api: DownwardFiles | None = Field(None, alias="downwardAPI")
    projected: Projected | None = None
    empty_dir: dict[str, Any] | None = None

    def as_projected(self) -> Projected | None:
        """Every kind that consists of files, as the most general one; None for the others."""
        if self.projected is not None:
            return self.projected
        single = self.config_map or self.secret or self.downward_api
        if single is None:
            return None
        source = ProjectedSource(config_map=self.config_map, secret=self.secret, downwardAPI=self.downward_api)
        return Projected(sources=(source,), default_mode=single.default_mode)


class ReadinessGate(Part):
    condition_type: str


class PodSpec(Part):
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    restart_policy: RestartPolicy = "Always"
    service_account_name: str = ""
    node_name: str = ""
    termination_grace_period_seconds: float = 30
    active_deadline_seconds: float | None = None
    readiness_gates: tuple[ReadinessGate, ...] = ()


class PodMeta(Part):
    name: str
    namespace: str
    uid: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    generation: int | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: float | None = None


class Condition(Part):
    type: str
    status: str


class PodStatus(Part):
    phase: str = ""
    conditions: tuple[Condition, ...] = ()


class Pod(Part):
    metadata: PodMeta
    spec: PodSpec
    status: PodStatus = PodStatus()

    def container(self, name: str) -> Container:
        """The container or init container of that name."""
        return next(each for each in (*self.spec.init_containers, *self.spec.containers) if each.name == name)
