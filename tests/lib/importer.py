"""Companies made by a test for itself, through the directory import."""
import base64
import uuid

from tests.lib.client import Api
from tests.lib.system import EXAMPLE, PASSWORD

SERVICE = "kongsi.identity.v1.IdentityService"
STAFF_HEAD = (EXAMPLE / "staff.csv").read_text(encoding="utf-8-sig").splitlines()[0]
DEPARTMENT_HEAD = "Department_ID,Name,Chinese_Name,Parent_ID"


def encode(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def staff_row(number, department="HQ", manager="", status="Active", **cells):
    values = {"Employee_ID": number, "Legal_Name": f"Chan {number}", "Department_ID": department, "Manager_ID": manager,
              "Worker_Type": "Regular", "Weekly_Hours": "45", "Status": status, **cells}
    return ",".join(values.get(column, "") for column in STAFF_HEAD.split(","))


def staff(*rows):
    return "\n".join((STAFF_HEAD,) + rows) + "\n"


class Importer:
    """A company of its own with an administrator, so that no other test sees what is imported."""

    def __init__(self, system):
        self.system, self.slug = system, f"import-{uuid.uuid4().hex[:12]}"
        system.call(f"{SERVICE}/CreateOrganization", {"request_id": str(uuid.uuid4()), "slug": self.slug, "name": self.slug})
        system.call(f"{SERVICE}/ImportOrganizationDirectory", {
            "organization": self.slug, "departments_csv": encode(f"{DEPARTMENT_HEAD}\nHQ,Head Office,總部,\n"),
            "staff_csv": encode(staff(staff_row("BOSS", Legal_Name="Chan Boss")))})
        system.call(f"{SERVICE}/SetUserRole", {"organization": self.slug, "external_id": "BOSS", "role": "USER_ROLE_ADMINISTRATOR"})
        self.boss = self.sign_in("BOSS")

    def sign_in(self, number):
        return Api(self.system.url).sign_in(number, PASSWORD, self.slug)

    def run(self, staff_csv=None, departments_csv=None, **fields):
        if staff_csv:
            fields["staff_csv"] = encode(staff_csv)
        if departments_csv:
            fields["departments_csv"] = encode(departments_csv)
        return self.boss.post("/v1/directory:import", fields)

    def users(self):
        return {u["external_id"]: u for u in self.boss.get("/v1/users", page_size=1000, show_left="true")["users"]}

    def events(self):
        org_id = self.boss.get("/v1/me")["organization"]["id"]
        return {kind.rsplit(".", 2)[0].removeprefix("kongsi.identity.") + "." + kind.rsplit(".", 2)[1]: count for kind, count in
                self.system.query("identity", "SELECT type, count(*) FROM event_log WHERE org_id = %s GROUP BY type", org_id)}
