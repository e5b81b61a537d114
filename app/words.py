"""Every sentence that explains a problem, by its slug: the one place where words are chosen.

The English sentence is the key of the translations (`translations/es`). `%(name)s` is filled in by the face that
shows it, which knows language and time zone; a value that is a date is written out there. A sentence says what to do.
"""

from __future__ import annotations

from typing import Final

from app.errors import N_

#: What was sent, and how.
INTAKE: Final = {
    "not-multipart": N_("Send the form as multipart/form-data."),
    "bad-boundary": N_("The form's multipart boundary is missing or not allowed."),
    "malformed": N_("The form arrived damaged and nothing was kept. Send it again."),
    "truncated": N_("The form ended before all of it had arrived. Send it again."),
    "encoded": N_("Send files as they are, without a transfer or content encoding."),
    "nested": N_("A form inside a form is not taken. Send each file as a part of its own."),
    "duplicate-part": N_("“%(name)s” was sent more than once. Send each field once."),
    "unknown-part": N_("“%(name)s” is not a field of this form. Remove it."),
    "not-a-file": N_("“%(name)s” has to be a file."),
    "not-a-field": N_("“%(name)s” has to be a plain field, not a file."),
    "not-text": N_("“%(name)s” is not valid UTF-8 text."),
    "fields-before-files": N_("Put the file last in the form: nothing is taken after it."),
    "too-many-parts": N_("The form has more than %(limit)s parts, the most that is taken."),
    "too-many-files": N_(
        "Up to %(limit)s files are taken at once. Hand in the others separately; those before were taken."
    ),
    "part-header-too-large": N_("A part's header is longer than %(limit)s bytes, the most that is taken."),
    "field-too-large": N_("“%(name)s” is longer than %(limit)s bytes, the most that is taken."),
    "file-too-large": N_("The file in “%(name)s” is larger than %(limit)s bytes, the most that is taken."),
    "body-too-large": N_("The whole form is larger than %(limit)s bytes, the most that is taken."),
    "length-required": N_("Send the form with its Content-Length."),
    "foreign-origin": N_("This form was sent from another site and was not accepted. Open it here and send it again."),
    "csrf": N_("The page was open for too long. Your files were not sent; choose them again and send."),
    "client-too-slow": N_("Your connection was too slow for too long. Nothing was sent; try again."),
    "client-gone": N_("The connection was closed before everything had arrived. Nothing was sent."),
}

#: What a SAT certificate, its key and its password can be; in the order in which they are looked for.
CERTIFICATE: Final = {
    "missing": N_("Something is missing: upload the .cer file, the .key file and type the password."),
    "too_large": N_("The file is too large to be a SAT certificate or key. Check that you chose the right one."),
    "swapped": N_("The files are swapped: the .key is in the place of the .cer. Exchange them."),
    "not_der": N_("The file is in text (PEM) format. Upload the original file from the SAT, not converted."),
    "cer_unreadable": N_(
        "We could not read the .cer. It may be incomplete or another kind of file (.req, .sdg, .zip, .pfx). "
        "Download it again from the SAT."
    ),
    "fiel_not_csd": N_(
        "This file is your e.firma (FIEL), not your digital seal certificate (CSD). Do not share it; upload the CSD."
    ),
    "csd_not_fiel": N_("This file is your CSD, not your e.firma (FIEL). Upload the e.firma files."),
    "not_sat": N_(
        "The certificate does not look like one issued by the SAT. Upload the CSD you downloaded from the SAT site."
    ),
    "rfc_mismatch": N_("The certificate belongs to RFC %(rfc)s, but your account is for RFC %(expected)s."),
    "not_yet_valid": N_("The certificate is valid from %(date)s. Wait until then to upload it."),
    "expired": N_("The certificate expired on %(date)s. Get a new one from the SAT and upload it."),
    "key_decrypted": N_("Your .key file is not protected by a password. Upload the original .key from the SAT."),
    "key_unreadable": N_("We could not read the .key file. It may be incomplete or not the private key."),
    "wrong_password": N_(
        "The password does not open the private key. It is the CSD's own (not the SAT site's, nor usually the "
        "e.firma's); mind capitals and spaces."
    ),
    "pair_mismatch": N_(
        "The .cer and the .key are not a pair. If you have several CSDs, use both files of the same branch."
    ),
    "password_encoding": N_(
        "The password has accented letters or ñ that may fail when stamping. Get a CSD with a password without accents."
    ),
    "revoked": N_(
        "The SAT does not recognise this certificate; it may be revoked or very recent (up to 72 hours). "
        "Check it with the SAT."
    ),
    "older_certificate": N_(
        "The certificate in use ends on %(held_date)s, later than this one (%(date)s). "
        "Do you want to replace it anyway?"
    ),
    "test_certificate": N_("This is a SAT test certificate; it cannot stamp real invoices. Send it anyway?"),
}

#: What a file of any kind can be refused for.
POLICY: Final = {
    "missing-field": N_("Fill this in."),
    "not-a-choice": N_("Choose one of the values that “%(name)s” offers."),
    "field-too-long": N_("“%(name)s” is longer than %(limit)s characters, the most that is taken."),
    "missing-file": N_("Choose a file."),
    "empty-file": N_("The file has no content."),
    "image-unreadable": N_("The logo has to be a JPG or PNG image."),
    "bad-file-name": N_("The file's name cannot be used. Rename it and choose it again."),
    "bad-path": N_(
        "The path may use {organization}, {date} and {filename}, no other names in braces, and no steps back (..)."
    ),
    "path-too-long": N_("The path is longer than %(limit)s bytes, the most that is taken."),
    "bad-pairs": N_("Write one name=value a line, or JSON; at most a hundred of them."),
    "bad-actions": N_("Write one kind of action a line, as OCR, or JSON."),
    "metadata-inline": N_("Metadata can be given with files of at most %(limit)s bytes. Use attributes or tags."),
    "bad-document-id": N_("That is not a document's id. It begins with “doc_”; copy it from the provider."),
    "notice": N_("Accept the privacy notice to continue."),
}

#: What a document can be refused for; most of it by its content.
DOCUMENT: Final = {
    "type-not-taken": N_("Files of this type are not taken here. Choose one of these: %(kinds)s."),
    "other-declared": N_("The file was sent as “%(declared)s”, but its name says %(kind)s. Send it as what it is."),
    "other-content": N_(
        "The file is named as %(kind)s, but what is in it looks like “%(found)s”. Choose the original file."
    ),
    "not-its-content": N_("The file is named as %(kind)s, but what is in it is not. Choose the original file."),
    "double-ending": N_("The file's name has “%(ending)s” in it, which programs have. Rename it and choose it again."),
    "program": N_("Programs and scripts are not taken, whatever they are called."),
    "web-page": N_("Web pages and SVG images are not taken, whatever they are called. Save it as another type."),
    "virus": N_("The virus test pattern (EICAR) was found in the file. It was not passed on."),
    "infected": N_(
        "The antivirus found something harmful in the file (%(name)s). It was not passed on. Check your device, and "
        "choose a clean copy."
    ),
    "not-scannable": N_(
        "The file is too large, or has too much in it, to be checked for viruses. Send what is in it in several files."
    ),
    "scanner-away": N_(
        "Files cannot be checked for viruses at the moment. Nothing was passed on; try again in a few minutes."
    ),
    "damaged-file": N_("The file is damaged or incomplete. Open it, save it again as %(kind)s and choose that."),
    "protected-pdf": N_("The PDF has a password. Save it without one and choose that."),
    "protected-file": N_("The file, or one in it, has a password. Save it without one and choose that."),
    "not-plain-text": N_("The file is not plain text. Save it as %(kind)s in UTF-8 and choose that."),
    "doctype": N_("The XML has a DOCTYPE, which is not taken. Remove it and choose the file again."),
    "too-complex": N_("There is too much inside one another in the file. Send what is in it in several files."),
    "not-inspected": N_("Files of this type can be looked into up to %(limit)s bytes; larger ones are not taken here."),
    "unpacks-too-large": N_("The file unpacks to more than is taken. Send what is in it in several files."),
    "unreadable-archive": N_("The file holds an archive that cannot be looked into. Use ZIP without a password."),
    "unsafe-names": N_("Names in the file point outside of it. Pack it again from its folder and choose that."),
    "ambiguous-archive": N_("The file can be read in more than one way. Save or pack it again and choose that."),
    "macros": N_("The document has macros. Save it without them and choose that."),
    "busy": N_("Too many files are being looked into at the moment. Nothing was sent; try again in a few minutes."),
}

#: What is more than can be taken at the moment.
LOAD: Final = {
    "overloaded": N_("Too much is being handed in at the moment. Nothing was taken; try again in a few seconds."),
    "queue-behind": N_("What was handed in before has not been sent on yet. Nothing was taken; try again in a minute."),
    "too-many-at-once": N_(
        "As many uploads are under way as can be taken from here at once (%(limit)s). Try again when one has ended."
    ),
    "too-many-a-minute": N_("More was sent from here in a minute than is taken (%(limit)s). Try again in a moment."),
    "spool-full": N_(
        "There is no room to keep more files at the moment. Nothing was sent; try again in a few minutes."
    ),
    "spool-share-full": N_(
        "As many files wait here as are kept for one organization (%(limit)s bytes). Nothing was sent; try again when "
        "some of them have been delivered."
    ),
    "database-away": N_("Nothing can be written down at the moment, so nothing was sent. Try again in a few minutes."),
    "spool-away": N_("Files cannot be kept at the moment. Nothing was sent; try again in a few minutes."),
    "spool-busy": N_(
        "Too many large files are on their way at the moment. Nothing was sent; try again in a few minutes."
    ),
}

#: Who may come in, and to what.
ENTRANCE: Final = {
    "not-found": N_("There is nothing at this address."),
    "form-closed": N_("This form takes nothing at the moment. Ask how else to hand it in."),
    "form-link-only": N_("This form opens only with a personal link. Ask for yours."),
    "not-embedded": N_("This form is not shown inside other pages. Ask for the address of its own page."),
    "link-expired": N_("This link expired on %(date)s. Ask for a new one."),
    "link-used-up": N_("This link has already been used. Ask for a new one."),
    "link-revoked": N_("This link was withdrawn. Ask for a new one."),
    "passphrase": N_("That is not the passphrase. You got it from whoever sent you the link."),
    "too-many-tries": N_("Too many tries. Wait a few minutes and try again."),
    "already-handed-in": N_("This page was sent before. Open it again to hand something else in."),
    "bad-email": N_("That is not an e-mail address. It looks like name@example.com."),
    "mail-not-offered": N_("No e-mail can be sent for this upload. Keep the address of this page instead."),
    "no-mail": N_("No e-mail can be sent from here. Leave the address out, and send the link yourself."),
    "organization-suspended": N_("Files are not being taken for this organization at the moment."),
}

#: What cannot be set up as it was asked for.
TENANTS: Final = {
    "bad-name": N_("“%(name)s” cannot be a name here: use small letters, digits and hyphens, at most 63."),
    "bad-value": N_("“%(value)s” cannot be the %(name)s."),
    "name-taken": N_("“%(name)s” is taken. Choose another name."),
    "already-rotated": N_("This token has ended or was rotated before. Make a new one."),
    "credential-ends": N_(
        "The credential of this connection ends by itself on %(date)s, and the form would stop with it. Use a key, or "
        "say that somebody renews it."
    ),
    "not-lent": N_("There is no house connection of %(provider)s in the environment %(environment)s under that id."),
    "webhook-disabled": N_("The webhook endpoint is disabled. Enable it first."),
    "key-missing": N_("None of the keys that were given belongs to this certificate. Choose its .key, too."),
    "key-not-opened": N_(
        "No password of the list opens this key, or the one that belongs to this certificate. Add the right one."
    ),
    "certificate-missing": N_("None of the certificates that were given belongs to this key. Choose its .cer, too."),
    "rfc-unknown": N_("No organization has RFC %(rfc)s. Write it into the organization's settings, or add one."),
    "rfc-not-unique": N_("%(count)s organizations have RFC %(rfc)s. Hand the certificate in to the right one of them."),
    "no-single-connection": N_(
        "%(organization)s has no connection to %(provider)s, or several. Hand the certificate in there."
    ),
    "bad-sheet": N_(
        "This is no table of organizations: its first line names the columns, of %(name)s, and each line below has as "
        "many cells."
    ),
    "sheet-too-long": N_("At most %(limit)s lines are looked at together. Cut the table in several."),
    "organization-deleting": N_(
        "The organization is to be deleted on %(date)s and stays suspended. Restore it first, if it is to hand in "
        "again."
    ),
}

#: What the provider, or the way to it, made of it.
DELIVERY: Final = {
    "credential-refused": N_(
        "%(organization)s has to renew its access to the provider. Nothing of yours is wrong; try later."
    ),
    "connection-paused": N_("Sending is on hold until access to the provider is renewed. Try again later."),
    "provider-unreachable": N_("The provider could not be reached and nothing was sent. Try again in a few minutes."),
    "provider-too-slow": N_("The provider took too long and nothing was sent. Try again in a few minutes."),
    "took-too-long": N_(
        "Passing the file on took longer than it may, and nothing was kept. "
        "Try again later, or over a faster connection."
    ),
    "provider-busy": N_("The provider is asking for a pause. Nothing was sent; try again in a few minutes."),
    "provider-error": N_("The provider had an error and did not keep your files. Try again later."),
    "provider-refused": N_("The provider did not accept it. Its answer is shown below."),
    "plan-not-allowed": N_("The plan at the provider does not allow it. %(organization)s has been told."),
    "quota-used-up": N_(
        "The quota at the provider is used up, so it did not take your file. %(organization)s has been told."
    ),
    "settings-wrong": N_("The connection to the provider is not set up right. %(organization)s has been told."),
    "unconfirmed": N_(
        "Everything was sent, but the provider's answer was lost. We do not know yet whether it arrived; "
        "do not send it again before checking."
    ),
    "interrupted": N_("The gateway was interrupted before anything was sent. Send it again."),
    "gave-up": N_("It could not be delivered in time. Ask whoever gave you this address before you send it again."),
    "copy-lost": N_("What was kept of it cannot be read any more. Send it again."),
    "upload-cancelled": N_("It was cancelled before all of it was sent. Nothing of it was kept."),
    "nothing-to-cancel": N_("It is not under way any more: there is nothing to cancel."),
    "too-late-to-cancel": N_(
        "All of it may be at the provider, so it cannot be called cancelled. What became of it shows in a moment."
    ),
    "nothing-to-retry": N_("It has not failed: there is nothing to send again."),
    "may-be-there": N_("Nobody knows whether it arrived: sent again, it may be there twice."),
    "internal": N_("Something failed on our side. Nothing was said to be done that was not."),
}

#: What is said of a receipt that somebody shows, or asks for.
RECEIPTS: Final = {
    "not-a-receipt": N_("This is not a receipt of ours, or it was damaged. Use the file as it was downloaded."),
    "receipt-changed": N_("This is not what was signed: something in it was changed. Do not rely on it."),
    "receipt-foreign-key": N_("No key of ours has signed this. Do not rely on it."),
    "receipt-missing": N_("Choose the receipt's file, or paste its text."),
    "not-sealed": N_(
        "There is no receipt. One is there about a second after the upload was delivered, and for no other."
    ),
}

#: What people who sign in are told, and who sets them up.
PEOPLE: Final = {
    "sign-in": N_("That did not let you in. Check the e-mail address and the password."),
    "wrong-code": N_("That code is not good, or was used before. Type the one that is shown now."),
    "wrong-passkey": N_("The passkey did not let you in. Try once more, or use another way."),
    "too-many-sign-ins": N_(
        "Too many tries. Wait a while, use a browser that you have signed in with before, or ask for a new password."
    ),
    "sign-in-again": N_("That took too long, or something changed meanwhile. Sign in again."),
    "invitation-closed": N_("This invitation was used or withdrawn, or its time is over. Ask for a new one."),
    "reset-closed": N_("This link was used, or its time is over. Ask for a new one."),
    "weak-password": N_(
        "Choose a password of %(least)s to %(most)s characters that is not made of your name, of what everybody tries "
        "first, or of a few characters."
    ),
    "wrong-password": N_("That is not your password."),
    "email-taken": N_("Somebody with the address %(email)s is here already."),
    "last-owner": N_("There would be no owner left. Make somebody else an owner first."),
    "factor-needed": N_("Your role needs a second factor. Set another one up first."),
}

#: What a service is told.
API: Final = {
    "unauthorized": N_("Send a gateway token that is good: Authorization: Bearer vnt_…"),
    "token-revoked": N_("The gateway token was revoked while this was on its way. Nothing of it was kept."),
    "wrong-address": N_("The token is not good from this address. Send it from a network that it is for."),
    "out-of-scope": N_("The token does not allow this. Ask for one that does."),
    "method-not-allowed": N_("This address does not take that method; Allow says which it takes."),
    "bad-request": N_("The request cannot be understood."),
    "not-valid": N_("Some of it is not as it has to be; “errors” says what."),
    "unknown-member": N_("“%(name)s” is not known here. Leave it out."),
    "not-taken": N_("“%(name)s” is not taken: %(reason)s."),
    "not-an-origin": N_(
        "“%(value)s” cannot be named. Write https:// and one host, with a port if it has one: https://www.example.com"
    ),
    "bad-cursor": N_("The cursor is not one of this list. Begin at the start, or follow “next” as it was given."),
    "changed-meanwhile": N_("It was changed since you looked. Look again, and say the new ETag."),
    "not-json": N_("Send one JSON object as application/json."),
    "bad-json": N_("The body is not one JSON object, or it names something twice."),
    "bad-metadata": N_("“metadata” has to be a JSON object of at most %(limit)s bytes."),
    "not-offered-there": N_("%(provider)s has no way to do this; Allow says what can be done here."),
    "shared-key": N_(
        "This connection's key is shared by several organizations, and %(provider)s does not tell their files apart."
    ),
    "durable-not-offered": N_("Files are not kept here to be tried again: leave “durable” out, or send durable=0."),
    "wait-not-offered": N_("This is answered when it is done, however long that takes: leave “wait” out."),
    "bad-idempotency-key": N_(
        "“Idempotency-Key” has to be one string of at most %(limit)s printable ASCII characters."
    ),
    "idempotency-key-reused": N_(
        "This “Idempotency-Key” was used for something else: what is sent with it now is not the same. Use a new one."
    ),
    "idempotency-key-in-use": N_(
        "Another request with this “Idempotency-Key” is under way. Send it again in a moment to hear what became of it."
    ),
    "digest-invalid-values": N_("“%(name)s” cannot be read. Write it as sha-256=:…:, the digest in Base64."),
    "digest-unsupported-algorithms": N_("“%(name)s” has neither sha-256 nor sha-512, which are verified here."),
    "digest-mismatched-values": N_("What arrived is not what “%(name)s” says. Nothing was kept of it. Send it again."),
}

#: What a client is told that sends a file in pieces.
RESUMABLE: Final = {
    "tus-version": N_("Send Tus-Resumable: %(version)s, the version of tus that is spoken here."),
    "bad-header": N_("“%(name)s” is missing, or is not what tus allows."),
    "not-octets": N_("Send each piece of the file as %(type)s."),
    "wrong-offset": N_("The piece does not begin where the last one ended. Ask for the offset and go on from there."),
    "checksum-mismatch": N_("The piece did not arrive as it was sent, and nothing of it was kept. Send it again."),
    "resumable-gone": N_("This file was given up. Begin it anew."),
    "resumable-locked": N_("Another request is still sending this file. Try again in a moment."),
    "resumable-joined": N_("This file is joined from others and takes no pieces of its own."),
    "resumable-not-whole": N_("Files can be joined once, when each of them is a whole part of the same hand-in."),
    "not-resumable": N_("“%(operation)s” does not take a file in pieces. Send it whole."),
    "too-many-pieces": N_("The file came in more than %(limit)s pieces, the most that is taken. Send larger ones."),
    "passphrase-needed": N_("Open the link and say its passphrase first."),
}

#: What code that speaks to a provider through the gateway is told.
PASSTHROUGH: Final = {
    "no-connection": N_("There is no connection to %(provider)s for this token, or none of that name."),
    "which-connection": N_(
        "There are several connections to %(provider)s. Say which in the address: /proxy/%(provider)s@%(name)s."
    ),
    "call-not-listed": N_("“%(call)s” is in no rule of the gateway, so it is not passed on."),
    "call-denied": N_("“%(call)s” is not passed on: %(reason)s"),
    "call-not-open": N_(
        "“%(call)s” is not passed on unless an operator opens the connection “%(connection)s” for it: %(reason)s"
    ),
    "bad-content": N_("“content” has to be a text: Base64 without line breaks if “isBase64” is true."),
    "bad-place": N_("This address was given out by nobody here, or was changed."),
    "place-ended": N_("The time for which this address was given out is over. Ask for another."),
    "call-not-lent": N_("“%(call)s” is not passed on with a key that several organizations share: %(reason)s"),
    "repeated": N_("The same arrived a moment ago, so it was not sent again."),
}

BLOCKS: Final = (
    INTAKE,
    CERTIFICATE,
    POLICY,
    DOCUMENT,
    LOAD,
    ENTRANCE,
    TENANTS,
    DELIVERY,
    RECEIPTS,
    PEOPLE,
    API,
    RESUMABLE,
    PASSTHROUGH,
)
WORDS: Final = {slug: sentence for block in BLOCKS for slug, sentence in block.items()}


#: What is said otherwise where the e.firma is asked for, which has no branches and stamps nothing.
FIEL: Final = {
    "not_sat": N_(
        "The certificate does not look like one issued by the SAT. Upload the e.firma's .cer as you got it there."
    ),
    "expired": N_("Your e.firma expired on %(date)s. Renew it with the SAT and upload the new files."),
    "wrong_password": N_(
        "The password does not open the private key. It is the e.firma's own (not the SAT site's, nor a CSD's); "
        "mind capitals and spaces."
    ),
    "pair_mismatch": N_(
        "The .cer and the .key are not a pair. If you have renewed your e.firma, use the two files of the same time."
    ),
    "password_encoding": N_(
        "The password has accented letters or ñ that may fail when signing. "
        "Renew your e.firma with a password without accents."
    ),
    "older_certificate": N_(
        "The e.firma in use ends on %(held_date)s, later than this one (%(date)s). Do you want to replace it anyway?"
    ),
    "test_certificate": N_("This is a SAT test e.firma; what it signs is not valid. Send it anyway?"),
}

#: What is said otherwise of the files that an operation's check (`app.checks`) looks at.
OTHERWISE: Final = {
    "csd": dict.fromkeys(("file-too-large", "body-too-large"), CERTIFICATE["too_large"]),
    "fiel": dict.fromkeys(("file-too-large", "body-too-large"), CERTIFICATE["too_large"]) | FIEL,
    "image": dict.fromkeys(
        ("file-too-large", "body-too-large"), N_("The image is too large. Make it smaller and choose it again.")
    ),
}


def sentence(slug: str, check: str = "") -> str:
    """The sentence of a problem; `check` names what looks at the files that it is about."""
    return OTHERWISE.get(check, {}).get(slug) or WORDS[slug]
