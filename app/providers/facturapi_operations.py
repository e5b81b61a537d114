"""What Facturapi takes, as it is asked for."""

from __future__ import annotations

from typing import Final

from app.errors import N_
from app.providers.operation import KIB, Field, Mode, Operation, Part

CERTIFICATE: Final = Operation(
    slug="facturapi/certificate",
    title=N_("Your digital seal certificate (CSD)"),
    intro=N_(
        "Your invoices are sealed with it. We need the two files that you got when you made it, "
        "and the password that you chose for it."
    ),
    where=N_("They lie where you saved them when you asked the SAT for the CSD; your accountant may have them too."),
    modes=(Mode.DIRECT,),
    parts=(
        Part(name="cer", label=N_("Certificate (.cer)"), max_bytes=16 * KIB, ending=".cer"),
        Part(name="key", label=N_("Private key (.key)"), max_bytes=16 * KIB, ending=".key", secret=True),
    ),
    fields=(
        Field(
            name="password",
            label=N_("Password of the private key"),
            help=N_("The CSD's own. It is not the one that you sign in to the SAT's site with."),
            kind="password",
        ),
    ),
    check="csd",
)
FIEL: Final = Operation(
    slug="facturapi/fiel",
    title=N_("Your e.firma (FIEL)"),
    intro=N_(
        "It signs for you, so hand it in only if you were asked for it. We need its two files and the password "
        "that you chose for it."
    ),
    where=N_("They lie where you saved them at the SAT's office or when you renewed it; often on a USB stick."),
    modes=(Mode.DIRECT,),
    parts=CERTIFICATE.parts,
    fields=(
        Field(
            name="password",
            label=N_("Password of the private key"),
            help=N_("The e.firma's own. It is not the one that you sign in to the SAT's site with."),
            kind="password",
        ),
    ),
    check="fiel",
    open=False,
)
LOGO: Final = Operation(
    slug="facturapi/logo",
    title=N_("Your logo"),
    intro=N_("It is printed on your invoices."),
    modes=(Mode.RELAY,),
    parts=(
        Part(
            name="file",
            label=N_("Logo (JPG or PNG)"),
            help=N_("At most 500 kB; 800 × 500 pixels look best."),
            max_bytes=500_000,
        ),
    ),
    check="image",
)
#: The SAT's catalogue of tax systems (c_RegimenFiscal), in its own words: nobody knows them by others.
TAX_SYSTEMS: Final = (
    ("601", "601 General de Ley Personas Morales"),
    ("603", "603 Personas Morales con Fines no Lucrativos"),
    ("605", "605 Sueldos y Salarios e Ingresos Asimilados a Salarios"),
    ("606", "606 Arrendamiento"),
    ("607", "607 Régimen de Enajenación o Adquisición de Bienes"),
    ("608", "608 Demás ingresos"),
    ("610", "610 Residentes en el Extranjero sin Establecimiento Permanente en México"),
    ("611", "611 Ingresos por Dividendos (socios y accionistas)"),
    ("612", "612 Personas Físicas con Actividades Empresariales y Profesionales"),
    ("614", "614 Ingresos por intereses"),
    ("615", "615 Régimen de los ingresos por obtención de premios"),
    ("616", "616 Sin obligaciones fiscales"),
    ("620", "620 Sociedades Cooperativas de Producción que optan por diferir sus ingresos"),
    ("621", "621 Incorporación Fiscal"),
    ("622", "622 Actividades Agrícolas, Ganaderas, Silvícolas y Pesqueras"),
    ("623", "623 Opcional para Grupos de Sociedades"),
    ("624", "624 Coordinados"),
    ("625", "625 Actividades Empresariales con ingresos a través de Plataformas Tecnológicas"),
    ("626", "626 Régimen Simplificado de Confianza"),
)
LEGAL: Final = Operation(
    slug="facturapi/legal",
    title=N_("Your company's details"),
    intro=N_("They are printed on your invoices and have to be as the SAT knows them."),
    where=N_("They are on your Constancia de Situación Fiscal, which you download from the SAT's site."),
    modes=(Mode.DIRECT,),
    parts=(),
    fields=(
        Field(name="name", label=N_("Commercial name"), max_length=100),
        Field(
            name="legal_name",
            label=N_("Legal name"),
            help=N_("Without the kind of company behind it: no “S.A. de C.V.”."),
            max_length=100,
        ),
        Field(name="tax_system", label=N_("Tax system"), kind="choice", choices=TAX_SYSTEMS, max_length=3),
        Field(name="zip", label=N_("Postal code"), max_length=5),
        Field(name="street", label=N_("Street"), required=False),
        Field(name="exterior", label=N_("Exterior number"), required=False, max_length=50),
        Field(name="interior", label=N_("Interior number"), required=False, max_length=50),
        Field(name="neighborhood", label=N_("Neighbourhood"), required=False),
        Field(name="city", label=N_("City"), required=False),
        Field(name="municipality", label=N_("Municipality"), required=False),
        Field(name="state", label=N_("State"), required=False),
        Field(name="phone", label=N_("Telephone"), required=False, max_length=50, asked=False),
        Field(name="support_email", label=N_("E-mail for your customers"), required=False, asked=False),
        Field(name="website", label=N_("Website"), required=False, asked=False),
    ),
    check="policy",
)
